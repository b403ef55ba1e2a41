import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkDataset } from "./check-dataset.ts";
import { countedTokens, estimatedTokens, tokenCounterFor } from "./token-counter.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "modelops-tokens-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** Byte-level pairs: `ab` and `abab` are tokens, every other byte is one of its own. */
const TOKENIZER = {
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: null,
  decoder: { type: "ByteLevel" },
  model: {
    type: "BPE",
    dropout: null,
    unk_token: null,
    vocab: { a: 0, b: 1, c: 2, ab: 3, abab: 4, Ġ: 5 },
    merges: [
      ["a", "b"],
      ["ab", "ab"],
    ],
  },
};

async function counterOf(tokenizer: unknown) {
  await writeFile(join(folder, "tokenizer.json"), JSON.stringify(tokenizer));
  return await tokenCounterFor(folder);
}

describe("tokenCounterFor", () => {
  it("counts with the base model's own tokenizer", async () => {
    const counter = await counterOf(TOKENIZER);
    expect(["abab", "ababc", "ab c", ""].map((text) => counter.count(text))).toEqual([1, 2, 3, 0]);
    expect(counter).toMatchObject({ isExact: true, basis: "the base model's tokenizer" });
    const check = await checkDataset([{ prompt: "abab c", completion: "ab" }], "sft", { counter });
    expect(check.tokens).toMatchObject({ isExact: true, perRow: { total: 4 }, answers: { total: 1 } });
  });

  it("counts bytes where the tokenizer does no more", async () => {
    const counter = await counterOf({ ...TOKENIZER, model: { ...TOKENIZER.model, merges: [] } });
    expect(counter.isExact).toBe(true);
    expect(counter.count("añ")).toBe(3);
  });

  it.each([[{ model: { type: "Unheard" } }], ["nonsense"], [null]])(
    "falls back to the estimate, and says so, for %j",
    async (tokenizer) => {
      expect(await counterOf(tokenizer)).toBe(estimatedTokens);
    },
  );

  it("has only the estimate without a folder", async () => {
    expect(await tokenCounterFor(null)).toBe(estimatedTokens);
    expect(await tokenCounterFor(join(folder, "absent"))).toBe(estimatedTokens);
  });
});

describe("countedTokens", () => {
  it("counts the rest by the ratio found, and no longer calls that exact", () => {
    // Two characters a token, where the estimate says four.
    const counter = countedTokens((text) => text.length / 2, 1000);
    for (let time = 0; time < 10; time += 1) expect(counter.count("x".repeat(100))).toBe(50);
    expect(counter.isExact).toBe(true);
    expect(counter.count("x".repeat(400))).toBe(200);
    expect(counter.isExact).toBe(false);
    expect(counter.basis).toContain("1000 characters");
  });
});
