import { ModelOpsError } from "@modelops/core";

/** The error of every safetensors file that breaks the format. */
export function malformedSafetensors(file: string, reason: string, cause?: unknown): ModelOpsError {
  return new ModelOpsError({
    code: "gguf/malformed-safetensors",
    message: `${file} is not a valid safetensors file.`,
    reason,
    fix: "download or save the file again; a file cut off by an interrupted download is the usual cause.",
    details: { file },
    cause,
  });
}
