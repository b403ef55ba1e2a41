import type { LlamaLibraryPaths } from "./llama-library.ts";

/** What the parent asks of the quantising process. */
export interface QuantizeTask {
  readonly libraries: LlamaLibraryPaths;
  readonly inputPath: string;
  readonly outputPath: string;
  readonly fileType: number;
  readonly threads: number;
  readonly isDryRun: boolean;
}

/** What it answers before it ends. */
export type QuantizeAnswer =
  | { readonly kind: "finished"; readonly result: number }
  | { readonly kind: "unknown-library"; readonly difference: string }
  | { readonly kind: "error"; readonly message: string };
