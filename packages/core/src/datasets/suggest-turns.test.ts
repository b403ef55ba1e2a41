import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TrainingMethod } from "../model/model-version.ts";
import { checkDataset } from "./check-dataset.ts";
import { exportDataset } from "./export-dataset.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "modelops-turns-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** Checks, pastes the mapping that is suggested, and gives the rows that would be trained on. */
async function mapped(rows: readonly Record<string, unknown>[], method: TrainingMethod): Promise<unknown[]> {
  const first = await checkDataset(rows, method);
  expect(first.verdict).toBe("NEEDS_MAPPING");
  expect(first.summary).toContain(JSON.stringify(first.suggestedMapping));
  const path = join(folder, "mapped.jsonl");
  await exportDataset(rows, method, { path, mapping: first.suggestedMapping });
  return readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

const turn = (from: string, value: string) => ({ from, value });
const message = (role: string, content: string) => ({ role, content });

describe("chats in another tool's way", () => {
  it.each(["conversations", "messages"])(
    "get a mapping that works when they are ShareGPT's (%s)",
    async (column) => {
      const rows = [
        { id: "1", [column]: [turn("system", "be kind"), turn("human", "hi"), turn("gpt", "hello")] },
        { id: "2", [column]: [turn("human", "2+2?"), turn("function", "4"), turn("GPT", "4")] },
      ];
      expect(await mapped(rows, "sft")).toEqual([
        { messages: [message("system", "be kind"), message("user", "hi"), message("assistant", "hello")] },
        { messages: [message("user", "2+2?"), message("tool", "4"), message("assistant", "4")] },
      ]);
    },
  );

  it("keep the system text that stands in a column of its own", async () => {
    const conversations = [turn("human", "hi"), turn("gpt", "hello")];
    const rows = [
      { conversations, system: "be kind" },
      { conversations: conversations.slice(), system: "" },
    ];
    expect(await mapped(rows, "sft")).toEqual([
      { messages: [message("system", "be kind"), message("user", "hi"), message("assistant", "hello")] },
      { messages: [message("user", "hi"), message("assistant", "hello")] },
    ]);
  });

  it("name the row with a role that nobody knows, unless the mapping says what it is", async () => {
    const rows = [
      { conversations: [turn("human", "hi"), turn("gpt", "hello")] },
      { conversations: [turn("human", "hi"), turn("wizard", "abracadabra")] },
    ];
    const { suggestedMapping } = await checkDataset(rows, "sft");
    const check = await checkDataset(rows, "sft", { mapping: suggestedMapping });
    expect(check.findings[0]).toMatchObject({ code: "unknown-role", examples: [{ line: 2 }] });
    const messages = {
      turns: "conversations",
      role: "from",
      content: "value",
      roles: { wizard: "assistant" },
    } as const;
    expect((await checkDataset(rows, "sft", { mapping: { messages } })).verdict).toBe("READY");
  });

  it("are left alone in a column that is not the one to train on", async () => {
    const rows = [
      { prompt: "hi", completion: "hello", conversations: [turn("human", "x"), turn("gpt", "y")] },
    ];
    expect((await checkDataset(rows, "sft")).verdict).toBe("READY");
  });
});

describe("preferences in another tool's way", () => {
  const [good, bad] = [message("assistant", "hello"), message("assistant", "what?")];
  const asked = message("user", "hi");
  const whole = { chosen: [asked, good], rejected: [asked, bad] };
  const parts = { prompt: [asked], chosen: [good], rejected: [bad] };

  it.each([
    [
      "OpenAI's",
      { input: { messages: [asked], tools: [] }, preferred_output: [good], non_preferred_output: [bad] },
      parts,
    ],
    ["chats beside the text of their prompt", { prompt: "hi", messages: whole.chosen, ...whole }, whole],
    ["answers as messages to a text", { prompt: "hi", chosen: [good], rejected: [bad] }, parts],
    [
      "ShareGPT's, each answer one turn",
      {
        conversations: [turn("human", "hi")],
        chosen: turn("gpt", "hello"),
        rejected: turn("gpt", "what?"),
      },
      parts,
    ],
  ])("get a mapping that works: %s", async (_, row, expected) => {
    expect(await mapped([row], "dpo")).toEqual([expected]);
  });

  it.each([[whole], [parts], [{ prompt: "hi", chosen: "hello", rejected: "what?" }]])(
    "need none where the form is right: %j",
    async (row) => {
      expect((await checkDataset([row], "dpo")).verdict).toBe("READY");
    },
  );
});

describe("Alpaca rows", () => {
  it("get a prompt of instruction and input, where there is one", async () => {
    const rows = [
      { instruction: "Translate.", input: "Guten Tag", output: "Good day" },
      { instruction: "Say hi.", input: "", output: "hi" },
      { instruction: "Say bye.", output: "bye" },
    ];
    expect(await mapped(rows, "sft")).toEqual([
      { prompt: "Translate.\n\nGuten Tag\n", completion: "Good day" },
      { prompt: "Say hi.\n", completion: "hi" },
      { prompt: "Say bye.\n", completion: "bye" },
    ]);
  });

  it("are named where nothing is left to ask", async () => {
    const rows = [
      { instruction: "Say hi.", input: "", output: "hi" },
      { instruction: "", input: "", output: "a" },
      { output: "b" },
    ];
    const { suggestedMapping: mapping } = await checkDataset(rows, "sft");
    const { findings } = await checkDataset(rows, "sft", { mapping });
    expect(findings.map(({ code, examples }) => [code, examples[0]?.line])).toEqual([
      ["empty-field", 2],
      ["missing-column", 3],
    ]);
  });
});

it.each([
  [{ messages: { turns: "conversations", role: "from" } }],
  [{ messages: { turns: "a", role: "from", content: "value", roles: { wizard: "mage" } } }],
  [{ prompt: { paragraphs: [] }, completion: "b" }],
  [{ prompt: { paragraphs: ["{{a"] }, completion: "b" }],
])("the mapping %j is refused", async (mapping) => {
  const checking = checkDataset([{ a: "x", b: "y" }], "sft", { mapping: mapping as never });
  await expect(checking).rejects.toMatchObject({
    code: expect.stringMatching(/^(dataset\/mapping|input\/dataset-check)$/),
  });
});
