import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { TrainingMethod } from "../model/model-version.ts";

/** The packaged training script of a method: `python/` lies beside `src` in the tree and beside `dist` in the package. */
export function packagedScriptPath(method: TrainingMethod): string {
  const name = join("python", `train_${method}.py`);
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const path = join(folder, name);
    if (existsSync(path)) return path;
    if (dirname(folder) === folder) break;
  }
  throw new ModelOpsError({
    code: "training/script-missing",
    message: `The training script for ${method} is not part of this installation.`,
    reason: `No folder above the library holds ${name}.`,
    fix: "install @modelops/core again, or name a script with local({ scriptPath }).",
  });
}
