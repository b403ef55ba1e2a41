import { execFile } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { findUv } from "../../../../core/src/training/backends/local/find-uv.ts";
import { type HubTwin, startHubTwin } from "../../hub/start-hub-twin.ts";

const run = promisify(execFile);
const CORE = fileURLToPath(new URL("../../../../core/", import.meta.url));

/**
 * A Hub whose jobs really run, holding `acme/tiny`: a model made from scratch by the training script's own packages.
 * The same model lies in `<folder>/tiny`.
 */
export async function startExecutingHub(
  folder: string,
): Promise<{ readonly twin: HubTwin; readonly modelFolder: string }> {
  const [uv = "uv", ...uvArguments] = await findUv({ home: folder, env: process.env, report: () => {} });
  const modelFolder = join(folder, "tiny");
  const header = (await readFile(join(CORE, "python", "train_sft.py"), "utf8")).split("# ///\n")[0];
  const script = join(folder, "make.py");
  await writeFile(
    script,
    `${header}# ///\nimport sys\nsys.path.insert(0, ${JSON.stringify(join(CORE, "python-tests"))})\nfrom tiny_model import make_tiny_model\nfrom pathlib import Path\nmake_tiny_model(Path(${JSON.stringify(modelFolder)}))\n`,
  );
  await run(uv, [...uvArguments, "run", script]);
  const files: Record<string, Uint8Array> = {};
  for (const name of await readdir(modelFolder)) files[name] = await readFile(join(modelFolder, name));
  const path = uv.includes("/") ? `${dirname(uv)}:${process.env.PATH}` : (process.env.PATH ?? "");
  const { stdout: cache } = await run(uv, [...uvArguments, "cache", "dir"]);
  const twin = await startHubTwin({
    repositories: [{ name: "acme/tiny", files, facts: { cardData: { license: "apache-2.0" } } }],
    jobs: { execute: { env: { PATH: path, UV_CACHE_DIR: cache.trim() } } },
  });
  return { twin, modelFolder };
}
