import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHub, createModelOps, type ModelOps } from "@modelops/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { backendOf } from "../jobs/__fixtures__/training-run.ts";
import { type HubTwin, startHubTwin } from "./start-hub-twin.ts";

/** Byte-level pairs: `ab` and `abab` are tokens, every other byte is one of its own. */
const TOKENIZER = JSON.stringify({
  version: "1.0",
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: null,
  decoder: { type: "ByteLevel" },
  model: {
    type: "BPE",
    unk_token: null,
    vocab: { a: 0, b: 1, c: 2, ab: 3, abab: 4, Ġ: 5 },
    merges: [
      ["a", "b"],
      ["ab", "ab"],
    ],
  },
});
const seed = (name: string, tokenizer: string | Uint8Array) => ({
  name,
  files: { "config.json": "{}", "tokenizer.json": tokenizer, "model.safetensors": "weights" },
  facts: { cardData: { license: "apache-2.0" }, safetensors: { total: 5e8 } },
});
const rows = Array.from({ length: 20 }, (_, index) => ({
  prompt: `${"abab ".repeat(index)}abab`,
  completion: "ab",
}));

let twin: HubTwin;
let home: string;
let ops: ModelOps;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "base-model-tokenizer-"));
  twin = await startHubTwin({
    repositories: [
      seed("acme/counted", TOKENIZER),
      seed("acme/strange", '{"model":{"type":"Unheard"}}'),
      seed("acme/endless", Buffer.alloc(64 * 1024 * 1024 + 1, 0x20)),
    ],
  });
  ops = createModelOps({ home, backend: backendOf(twin), hub: { hubUrl: twin.url, token: twin.token } });
});
afterEach(async () => {
  await ops.close();
  await twin.close();
  await rm(home, { recursive: true });
});

const tokensOf = async (baseModel: string) =>
  (await ops.trainer.plan({ agent: "support", baseModel, dataset: rows })).dataset.tokens;

describe("a plan for a base model on the Hub", () => {
  test("counts tokens with the tokenizer of its commit, which is fetched once", async () => {
    const tokens = await tokensOf("acme/counted");
    // Each prompt has index times `abab` and a space, and one `abab`; each answer is one token.
    expect(tokens).toMatchObject({
      isExact: true,
      basis: "the base model's tokenizer",
      perRow: { total: 20 * 2 + 190 * 2 },
      answers: { total: 20 },
    });
    const [commit] = await readdir(join(home, "tokenizers", "acme--counted"));
    expect(commit).toMatch(/^[0-9a-f]{40}$/);
    const fetched = () => twin.requests.all.filter(({ path }) => path.includes("tokenizer.json")).length;
    const before = fetched();
    expect(before).toBeGreaterThan(0);
    expect(await tokensOf("acme/counted")).toEqual(tokens);
    expect(fetched()).toBe(before);
  });

  test.each([
    ["acme/strange", /unknown kind/],
    ["acme/endless", /more than the 67108864/],
  ])("estimates, and says why, with the tokenizer of %s", async (baseModel, why) => {
    expect(await tokensOf(baseModel)).toMatchObject({
      isExact: false,
      basis: expect.stringMatching(/^estimate: about 4 characters/),
    });
    expect((await tokensOf(baseModel))?.basis).toMatch(why);
  });

  test("estimates where nothing can be kept", async () => {
    await writeFile(join(home, "tokenizers"), "");
    expect((await tokensOf("acme/counted"))?.basis).toMatch(/^estimate: .*\(.*tokenizer of acme\/counted/);
  });
});

test("a tokenizer is kept under a commit, never under a name that moves", async () => {
  const hub = createHub({ hubUrl: twin.url, token: twin.token });
  for (const revision of ["main", "../../elsewhere", ""])
    await expect(hub.saveTokenizer("acme/counted", { revision, folder: home })).rejects.toMatchObject({
      code: "hub/invalid-commit",
    });
  await expect(
    hub.saveTokenizer("acme/none", { revision: "0".repeat(40), folder: home }),
  ).rejects.toMatchObject({ code: expect.stringMatching(/^hub\//) });
});
