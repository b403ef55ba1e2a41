import type { LlamaLibraryPaths } from "./llama-library.ts";

/** What the parent asks of the quantising process: to plan the file, and later perhaps to make it. */
export interface QuantizeTask {
  readonly libraries: LlamaLibraryPaths;
  readonly inputPath: string;
  readonly outputPath: string;
  readonly fileType: number;
  readonly threads: number;
}

/** The parent's word after the plan: make the file, or end. */
export const CONTINUE = "continue";
export const STOP = "stop";

/** What the process answers; `result` is llama.cpp's, 0 when all went well. */
export type QuantizeAnswer =
  | { readonly kind: "planned"; readonly result: number }
  | { readonly kind: "finished"; readonly result: number }
  | { readonly kind: "unknown-library"; readonly difference: string }
  | { readonly kind: "error"; readonly message: string };
