import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

/** Counts tokens, or says how it guesses. */
export interface TokenCounter {
  readonly isExact: boolean;
  /** For people: "estimate: about 4 characters per token". */
  readonly basis: string;
  count(text: string): number;
}

/** Rough, and said so: Latin text has about 4 characters per token, other scripts about 1.5 bytes per token more. */
export const estimatedTokens: TokenCounter = {
  isExact: false,
  basis: "estimate: about 4 characters per token, more for other scripts",
  count: (text) => Math.ceil(text.length / 4 + (Buffer.byteLength(text) - text.length) * 0.35),
};

const byteTokens: TokenCounter = {
  isExact: true,
  basis: "the base model's byte-level tokenizer: one token per byte",
  count: (text) => Buffer.byteLength(text),
};

const tokenizerSchema = z.looseObject({
  model: z.looseObject({
    type: z.string().nullish(),
    merges: z.array(z.unknown()).nullish(),
    vocab: z.unknown(),
  }),
  pre_tokenizer: z.unknown(),
});

/**
 * The counter for a base model in a folder. A byte-level tokenizer without merges is counted exactly; for others the
 * estimate is used, because a full tokenizer is not at hand here.
 */
export async function tokenCounterFor(baseModelFolder: string | null): Promise<TokenCounter> {
  if (baseModelFolder === null) return estimatedTokens;
  try {
    const parsed = tokenizerSchema.safeParse(
      JSON.parse(await readFile(join(baseModelFolder, "tokenizer.json"), "utf8")),
    );
    if (!parsed.success) return estimatedTokens;
    const { model, pre_tokenizer: preTokenizer } = parsed.data;
    const isByteLevel = JSON.stringify(preTokenizer ?? null).includes('"ByteLevel"');
    return isByteLevel && model.type === "BPE" && (model.merges ?? []).length === 0
      ? byteTokens
      : estimatedTokens;
  } catch {
    return estimatedTokens;
  }
}
