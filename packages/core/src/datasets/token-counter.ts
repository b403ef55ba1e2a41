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
  }),
  pre_tokenizer: z.unknown(),
});

/** Characters that the real tokenizer reads before the rest is estimated by what it found: it takes about a second for them. */
const COUNTED_CHARACTERS = 2_000_000;

/**
 * The counter for a base model in a folder, or for one whose tokenizer was fetched; the estimate where neither can be read, with
 * the reason in its basis.
 */
export async function tokenCounterFor(
  baseModelFolder: string | null,
  fetched: { readonly folder: string } | { readonly problem: string } | null = null,
): Promise<TokenCounter> {
  const folder = baseModelFolder ?? (fetched && "folder" in fetched ? fetched.folder : null);
  const counter = folder === null ? estimatedTokens : await counterInFolder(folder);
  if (counter !== estimatedTokens || fetched === null) return counter;
  const why = "problem" in fetched ? fetched.problem : "the base model's tokenizer is of an unknown kind";
  return { ...estimatedTokens, basis: `${estimatedTokens.basis} (${why})` };
}

/**
 * A byte-level tokenizer without merges is counted by bytes; any other counts the
 * first two million characters exactly, and the rest by the ratio found there. Without a readable tokenizer: the estimate.
 */
async function counterInFolder(folder: string): Promise<TokenCounter> {
  try {
    const read = async (name: string) => JSON.parse(await readFile(join(folder, name), "utf8"));
    const tokenizer: unknown = await read("tokenizer.json");
    const parsed = tokenizerSchema.safeParse(tokenizer);
    if (!parsed.success) return estimatedTokens;
    const { model, pre_tokenizer: preTokenizer } = parsed.data;
    const isByteLevel = JSON.stringify(preTokenizer ?? null).includes('"ByteLevel"');
    if (isByteLevel && model.type === "BPE" && (model.merges ?? []).length === 0) return byteTokens;
    const { Tokenizer } = await import("@huggingface/tokenizers");
    const real = new Tokenizer(tokenizer as object, await read("tokenizer_config.json").catch(() => ({})));
    // A tokenizer of an unknown kind fails here, before it is relied on.
    real.encode("a test", { add_special_tokens: false });
    return countedTokens((text) => real.encode(text, { add_special_tokens: false }).ids.length);
  } catch {
    return estimatedTokens;
  }
}

/** Exact while it is affordable, then by the ratio of tokens to estimated tokens so far. */
export function countedTokens(
  countExactly: (text: string) => number,
  maxCharacters = COUNTED_CHARACTERS,
): TokenCounter {
  let characters = 0;
  let tokens = 0;
  let estimated = 0;
  let isExact = true;
  return {
    get isExact() {
      return isExact;
    },
    get basis() {
      return isExact
        ? "the base model's tokenizer"
        : `the base model's tokenizer over the first ${characters} characters, the rest by the ratio found there`;
    },
    count(text) {
      const estimate = estimatedTokens.count(text);
      if (characters + text.length <= maxCharacters) {
        const exact = countExactly(text);
        characters += text.length;
        tokens += exact;
        estimated += estimate;
        return exact;
      }
      isExact = false;
      return estimated === 0 ? estimate : Math.round((estimate * tokens) / estimated);
    },
  };
}
