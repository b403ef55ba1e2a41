import { z } from "zod";
import type { TrainingMethod } from "../../../model/model-version.ts";

export const localOptionsSchema = z.strictObject({
  home: z.string().min(1).optional(),
  python: z.string().min(1).optional(),
  uv: z.string().min(1).optional(),
  environment: z.strictObject({ pythonPath: z.string().min(1) }).optional(),
  env: z.record(z.string(), z.string()).optional(),
  threads: z.int().positive().optional(),
  onHostExit: z.enum(["continue", "stop"]).optional(),
  cancelGraceMs: z.number().nonnegative().optional(),
  scriptPath: z.custom<(method: TrainingMethod) => string>((value) => typeof value === "function").optional(),
});

/** Options of `local()`: training on this machine. */
export interface LocalOptions {
  /** Folder for environments and jobs. @default ".modelops" */
  readonly home?: string;
  /** Interpreter (path or version) that the private environment is built on. Default: what uv finds. */
  readonly python?: string;
  /** Path of uv. Default: the one on PATH, else `python3 -m uv`, else a private install under the home. */
  readonly uv?: string;
  /** Uses an interpreter that has all packages already; nothing is installed then. */
  readonly environment?: { readonly pythonPath: string };
  /** Variables added to the script's environment (`HF_HOME`, `CUDA_VISIBLE_DEVICES`). */
  readonly env?: Readonly<Record<string, string>>;
  /** CPU threads of torch. Default: torch's choice. */
  readonly threads?: number;
  /**
   * What becomes of a running job when this process ends. Ctrl-C always cancels it. `continue`: any other end leaves
   * it running, and the next process finds it. `stop`: it ends with this process, even after kill -9.
   * @default "continue"
   */
  readonly onHostExit?: "continue" | "stop";
  /** How long a cancelled script may take to save its checkpoint before it is killed. @default 30000 */
  readonly cancelGraceMs?: number;
  /** A script of your own that takes `--config` and prints the same progress lines. */
  readonly scriptPath?: (method: TrainingMethod) => string;
}
