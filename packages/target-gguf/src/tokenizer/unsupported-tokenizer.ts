import { ModelOpsError } from "@modelops/core";

/** The error of a tokenizer that cannot be written down safely. A wrong guess would garble every text in silence. */
export function unsupportedTokenizer(reason: string): ModelOpsError {
  return new ModelOpsError({
    code: "gguf/unsupported-tokenizer",
    message: "The tokenizer of this model cannot be converted to GGUF here.",
    reason,
    fix: "pass tokenizerFrom: the path of a GGUF file of the same base model, whose tokenizer is then copied.",
  });
}
