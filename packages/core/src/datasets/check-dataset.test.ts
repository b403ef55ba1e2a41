import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkDataset } from "./check-dataset.ts";
import { datasetReader } from "./dataset-reference.ts";
import { exportDataset } from "./export-dataset.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "modelops-datasets-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function file(name: string, content: string | Buffer): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return `file:${path}`;
}

const pair = (prompt: string, completion: string) => JSON.stringify({ prompt, completion });
const good = Array.from({ length: 12 }, (_, index) =>
  pair(`How do I return item ${index}?`, `Open order ${index}.`),
).join("\n");

describe("checkDataset", () => {
  it.each(["jsonl", "ndjson"])("is ready for a clean .%s file", async (ending) => {
    const check = await checkDataset(await file(`good.${ending}`, good), "sft");
    expect(check).toMatchObject({
      verdict: "READY",
      rows: 12,
      usableRows: 12,
      findings: [],
      duplicateRows: 0,
    });
    expect(check.form?.shape).toBe("prompt+completion");
    expect(check.fingerprint).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  it("gives equal fingerprints to equal rows, whatever the file's spacing, key order and line ends", async () => {
    const one = await file("one.jsonl", '{"prompt":"a b","completion":"c"}\n');
    const other = await file("other.jsonl", '\ufeff{ "completion" : "c",  "prompt":"a\\u0020b" }\r\n\r\n');
    const changed = await file("changed.jsonl", '{"prompt":"a b","completion":"d"}\n');
    const [first, second, third] = await Promise.all(
      [one, other, changed].map((ref) => checkDataset(ref, "sft")),
    );
    expect(second?.fingerprint).toBe(first?.fingerprint);
    expect(third?.fingerprint).not.toBe(first?.fingerprint);
    expect((await datasetReader().describe(one)).fingerprint).toBe(first?.fingerprint);
  });

  it("splits rows at line feeds only", async () => {
    const ref = await file(
      "separators.jsonl",
      `${pair("a\u2028b\u2029c\u0085d", "e\vf")}\n${pair("g", "h")}`,
    );
    expect(await checkDataset(ref, "sft")).toMatchObject({ verdict: "READY", rows: 2 });
  });

  it.each([
    ["broken JSON", `${good}\n{"prompt": "x"`, "invalid-json", 13],
    ["a JSON array", `[\n${pair("a", "b")}\n]`, "invalid-json", 1, true],
    ["a JSON array on one line", `[${pair("a", "b")}]`, "row-not-object", 1, true],
    ["a bare value", `${good}\n42`, "row-not-object", 13],
    [
      "invalid UTF-8",
      Buffer.concat([
        Buffer.from(`${good}\n{"prompt":"`),
        Buffer.from([0xff, 0xfe]),
        Buffer.from('","completion":"b"}'),
      ]),
      "invalid-utf8",
      13,
    ],
    ["UTF-16", Buffer.from(good, "utf16le"), "invalid-json", 1],
    ["an empty answer", `${good}\n${pair("x", "  ")}`, "empty-field", 13],
    ["a missing answer", `${good}\n{"prompt":"x"}`, "missing-field", 13],
    ["a null answer", `${good}\n{"prompt":"x","completion":null}`, "missing-field", 13],
    ["a number as answer", `${good}\n{"prompt":"x","completion":4}`, "wrong-type", 13],
    [
      "mixed forms",
      `${good}\n{"prompt":[{"role":"user","content":"x"}],"completion":[{"role":"assistant","content":"y"}]}`,
      "mixed-types",
      13,
    ],
    [
      "a token",
      `${good}\n${pair("my token is hf_abcDEF0123456789abcDEF0123456789abcd", "ok")}`,
      "secret",
      13,
    ],
  ] as [string, string | Buffer, string, number, boolean?][])(
    "names line and fix for %s",
    async (_, content, code, line, isArray) => {
      const check = await checkDataset(await file("bad.jsonl", content), "sft");
      expect(check.verdict).toBe("INCOMPATIBLE");
      const finding = check.findings.find((candidate) => candidate.code === code);
      expect(finding).toMatchObject({ severity: "error" });
      expect(finding?.examples[0]?.line).toBe(line);
      expect(finding?.fix).not.toBe("");
      if (isArray) expect(finding?.fix).toContain("one object per line");
      expect(JSON.stringify(check)).not.toContain("hf_abcDEF0123456789");
    },
  );

  it("never holds an endless line in memory", async () => {
    const path = join(folder, "endless.jsonl");
    await writeFile(
      path,
      Buffer.concat([
        Buffer.from(`${pair("a", "b")}\n`),
        Buffer.alloc(40 * 1024 * 1024, "x"),
        Buffer.from(`\n${pair("c", "d")}`),
      ]),
    );
    const check = await checkDataset(`file:${path}`, "sft");
    expect(check.findings[0]).toMatchObject({ code: "line-too-long", examples: [{ line: 2 }] });
    expect(check.usableRows).toBe(2);
  });

  it("asks for a mapping and gives one that works", async () => {
    const rows = [{ question: "2+2?", answer: "4", source: "school" }];
    const check = await checkDataset(rows, "sft");
    expect(check).toMatchObject({
      verdict: "NEEDS_MAPPING",
      suggestedMapping: { prompt: "{{question}}\n", completion: "answer" },
    });
    expect(await checkDataset(rows, "sft", { mapping: check.suggestedMapping })).toMatchObject({
      verdict: "READY",
    });
  });

  // Two columns with everyday names are what people bring: huggingface/autotrain-advanced#840, #411, #423, #424, #707.
  it.each([
    ["prompt", "response"],
    ["instruction", "output"],
    ["Question", "Answer"],
    ["input", "target"],
    ["human", "assistant"],
  ])("gives a mapping that works for the columns %s and %s", async (question, answer) => {
    const rows = [
      { [question]: "2+2?", [answer]: "4", id: 1 },
      { [question]: "3+3?", [answer]: "6", id: 2 },
    ];
    const check = await checkDataset(rows, "sft");
    expect(check.verdict).toBe("NEEDS_MAPPING");
    expect(check.summary).toContain(JSON.stringify(check.suggestedMapping));
    const path = join(folder, `${question}.jsonl`);
    await exportDataset(rows, "sft", { path, mapping: check.suggestedMapping });
    expect(readFileSync(path, "utf8").split("\n")[0]).toBe('{"prompt":"2+2?\\n","completion":"4"}');
  });

  it("does not take a labelled text for a text to continue", async () => {
    const check = await checkDataset([{ text: "Play jazz", intent: "PlayMusic", slots: {} }], "sft");
    expect(check.verdict).toBe("NEEDS_MAPPING");
    expect(check.suggestedMapping).toEqual({ prompt: "{{text}}\n", completion: "intent" });
  });

  it("keeps a mapped answer valid JSON whatever the value holds", async () => {
    const path = join(folder, "mapped.jsonl");
    const rows = [{ text: 'say "hi"\n', intent: 'a"b\\c\n', count: 3, slots: { city: "Ålesund" } }];
    const completion =
      '{"tool":"{{intent}}","count":{{count}},"slots":{{slots}},"where":"in {{slots.city}}"}';
    await exportDataset(rows, "sft", { path, mapping: { prompt: "{{text}}", completion } });
    const written = JSON.parse(readFileSync(path, "utf8"));
    expect(Object.keys(written)).toEqual(["prompt", "completion"]);
    expect(JSON.parse(written.completion)).toEqual({
      tool: 'a"b\\c\n',
      count: 3,
      slots: { city: "Ålesund" },
      where: "in Ålesund",
    });
  });

  it("names the column that a mapping misses", async () => {
    const check = await checkDataset([{ text: "a" }], "sft", {
      mapping: { prompt: "text", completion: "label" },
    });
    expect(check.verdict).toBe("INCOMPATIBLE");
    expect(check.findings[0]).toMatchObject({ code: "missing-column", field: "completion" });
  });

  it.each([
    [{ prompt: "{{text" }, "dataset/mapping"],
    [{}, "dataset/mapping"],
    [{ "__proto__x!": "text" }, "dataset/mapping"],
    [{ messages: [{ role: "wizard", content: "x" }] }, "dataset/mapping"],
  ])("refuses the mapping %j", async (mapping, code) => {
    const checking = checkDataset([{ text: "a" }], "sft", { mapping: mapping as never });
    await expect(checking).rejects.toMatchObject({
      code: expect.stringMatching(`${code}|input/dataset-check`),
    });
  });

  it("counts classes, repeats and what is also in the evaluation set", async () => {
    const rows = [
      ...Array.from({ length: 40 }, (_, index) => ({
        prompt: `please play the song number ${index} for me now`,
        completion: "play",
      })),
      { prompt: "book a table for two", completion: "book" },
      { prompt: "book a table for two", completion: "book" },
      { prompt: "BOOK a table, for four!", completion: "play" },
      {
        prompt: "I would like to reserve a table by the window for six people tonight please",
        completion: "book",
      },
    ];
    const evaluation = [
      { inputs: { question: "book a table for four" } },
      {
        inputs: { question: "I would like to reserve a table by the window for six people tonight, thanks" },
      },
    ];
    const check = await checkDataset(rows, "sft", { evaluation });
    expect(check).toMatchObject({
      verdict: "READY",
      duplicateRows: 1,
      overlap: { evaluationRows: 2, exact: 1, near: 1 },
      classes: [
        { answer: "play", count: 41 },
        { answer: "book", count: 3 },
      ],
    });
    expect(check.findings.map((finding) => finding.code).sort()).toEqual([
      "duplicate-row",
      "in-evaluation-set",
      "near-evaluation-set",
    ]);
  });

  it("drops bad rows only when told to", async () => {
    const rows = [
      { prompt: "a", completion: "b" },
      { prompt: "", completion: "b" },
    ];
    expect((await checkDataset(rows, "sft")).verdict).toBe("INCOMPATIBLE");
    const check = await checkDataset(rows, "sft", { dropInvalidRows: true });
    expect(check).toMatchObject({ verdict: "READY", rows: 2, usableRows: 1 });
  });

  it("checks chats, preferences and gold answers", async () => {
    const chat = (content: string) => ({
      messages: [
        { role: "user", content: "hi" },
        { role: "assistant", content },
      ],
    });
    expect((await checkDataset([chat("hello"), chat("")], "sft")).findings[0]).toMatchObject({
      code: "empty-message",
      examples: [{ line: 2 }],
    });
    expect(
      (await checkDataset([{ messages: [{ role: "user", content: "hi" }] }], "sft")).findings[0]?.code,
    ).toBe("no-answer");
    expect((await checkDataset([{ prompt: "a", chosen: "b", rejected: "b" }], "dpo")).findings[0]?.code).toBe(
      "equal-preference",
    );
    const gold = await checkDataset(
      [
        { problem: "2+2", solution: "#### 4" },
        { problem: "3+3", solution: "six or 7, say 6" },
      ],
      "grpo",
      {
        rewards: [{ kind: "numeric", column: "solution" }],
      },
    );
    expect(gold.findings[0]).toMatchObject({
      code: "gold-answer",
      field: "solution",
      examples: [{ line: 2 }],
    });
  });

  it("leaves prototypes alone", async () => {
    const ref = await file(
      "proto.jsonl",
      '{"prompt":"a","completion":"b","__proto__":{"polluted":true},"constructor":"x"}',
    );
    const path = join(folder, "proto-out.jsonl");
    await exportDataset(ref, "sft", { path });
    expect(readFileSync(path, "utf8")).toBe('{"prompt":"a","completion":"b"}\n');
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it("reads CSV, formulas and all", async () => {
    const ref = await file(
      "rows.csv",
      '\ufefftext,response,__proto__\r\n"=1+1, ""quoted""","line one\nline two",x\r\n',
    );
    const path = join(folder, "csv-out.jsonl");
    await exportDataset(ref, "sft", { path });
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({
      text: '=1+1, "quoted"',
      response: "line one\nline two",
    });
  });

  it.each([
    ["text,text\na,b\n", "dataset/csv-header"],
    ['text,response\na,"b\n', "dataset/invalid-csv"],
  ])("refuses the CSV %j", async (content, code) => {
    await expect(checkDataset(await file("bad.csv", content), "sft")).rejects.toMatchObject({ code });
  });

  it.each([
    ["file:/nowhere/at-all.jsonl", "dataset/file-not-found"],
    ["file:notes.txt", "dataset/file-type"],
    ["gopher://old", "dataset/unknown-source"],
    ["just words", "dataset/unknown-source"],
  ])("explains what is wrong with %s", async (ref, code) => {
    await expect(checkDataset(ref, "sft")).rejects.toMatchObject({ code });
  });

  it("writes nothing when the dataset cannot be used or has changed", async () => {
    const path = join(folder, "never.jsonl");
    await expect(exportDataset([{ prompt: "a" }], "sft", { path })).rejects.toMatchObject({
      code: "dataset/not-ready",
    });
    const options = { path, expectedFingerprint: "sha256:other" };
    await expect(exportDataset([{ prompt: "a", completion: "b" }], "sft", options)).rejects.toMatchObject({
      code: "dataset/changed",
    });
    expect(existsSync(path)).toBe(false);
  });
});

const data = resolve(import.meta.dirname, "../../../../../shared/data");
describe.skipIf(!existsSync(data))("checkDataset on real rows (needs ../shared/data)", () => {
  it("is ready for people's spoken commands with a mapping", async () => {
    const mapping = { prompt: "text", completion: '{"tool":"{{intent}}"}' };
    const check = await checkDataset(`file:${data}/snips/train.jsonl`, "sft", {
      mapping,
      evaluation: `file:${data}/snips/test.jsonl`,
    });
    expect(check).toMatchObject({ verdict: "READY", rows: 13_784 });
    expect(check.classes?.length).toBe(7);
    expect(check.overlap?.evaluationRows).toBeGreaterThan(690);
  });

  it("is ready for preferences and for maths with gold answers", async () => {
    expect(await checkDataset(`file:${data}/gsm8k/preferences.jsonl`, "dpo")).toMatchObject({
      verdict: "READY",
      rows: 731,
    });
    const rewards = [{ kind: "numeric", column: "answer" }];
    expect(await checkDataset(`file:${data}/gsm8k/test.jsonl`, "grpo", { rewards })).toMatchObject({
      verdict: "READY",
      rows: 1319,
    });
  });
});
