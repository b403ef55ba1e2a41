import { gzipSync } from "node:zlib";
import { SeededChoice } from "../src/datasets/seeded-choice.ts";
import {
  type CorpusDataset,
  type FORMS,
  goodRows,
  jsonl,
  METHODS,
  NUMERIC,
  ROWS,
  type Row,
} from "./dataset-forms.ts";

/** One with exactly one fault, and how the check must name it. */
export interface FaultyDataset extends CorpusDataset {
  /** Of the finding, or of the rejection where the file cannot be read on. */
  readonly code: string;
  readonly severity: "error" | "warning" | "rejected";
  /** Null where the fault has no line of its own. */
  readonly line: number | null;
}

interface Made {
  readonly content: string | Buffer;
  readonly line: number | null;
  readonly options?: CorpusDataset["options"];
  readonly ending?: "csv";
  readonly maxLineBytes?: number;
}
type Spoil = (rows: Row[], at: number) => Made;

/** Puts another text in the place of a line. */
const lineBecomes =
  (spoil: (line: string) => string | Buffer): Spoil =>
  (rows, at) => {
    const lines = rows.map((row) => Buffer.from(JSON.stringify(row)));
    lines[at] = Buffer.from(spoil(String(lines[at])));
    return { content: Buffer.concat(lines.flatMap((line) => [line, Buffer.from("\n")])), line: at + 1 };
  };

/** Puts other fields in the place of a row's. */
const rowBecomes =
  (spoil: (row: Row) => Row, options: CorpusDataset["options"] = {}): Spoil =>
  (rows, at) => ({ content: jsonl(rows.with(at, spoil(rows[at] ?? {}))), line: at + 1, options });

const fieldBecomes = (field: string, value: unknown, options?: CorpusDataset["options"]): Spoil =>
  rowBecomes((row) => ({ ...row, [field]: value }), options);

const messageBecomes = (index: number, change: Row): Spoil =>
  rowBecomes((row) => ({
    messages: (row.messages as Row[]).map((message, place) =>
      place === index ? { ...message, ...change } : message,
    ),
  }));

const wholeFile =
  (content: string | Buffer, line: number | null): Spoil =>
  () => ({ content, line });

const allRows =
  (change: (row: Row, index: number) => Row, options: CorpusDataset["options"] = {}): Spoil =>
  (rows) => ({ content: jsonl(rows.map(change)), line: null, options });

const csv =
  (lines: readonly string[], line: number | null): Spoil =>
  () => ({ content: `${lines.join("\n")}\n`, line, ending: "csv" });

const renamed = (from: string, to: string) =>
  allRows(({ [from]: value, ...rest }) => ({ ...rest, [to]: value }));

type Fault = readonly [
  name: string,
  form: keyof typeof FORMS,
  code: string,
  severity: FaultyDataset["severity"],
  spoil: Spoil,
];

const SECRET = "hf_abcDEF0123456789abcDEF0123456789abcd";

const FAULTS: readonly Fault[] = [
  ["a line that was cut", "pair", "invalid-json", "error", lineBecomes((line) => line.slice(0, -9))],
  ["a Python dict", "chat", "invalid-json", "error", lineBecomes((line) => line.replaceAll('"', "'"))],
  [
    "a trailing comma",
    "preference",
    "invalid-json",
    "error",
    lineBecomes((line) => line.replace(/\}$/, ",}")),
  ],
  ["NaN for a value", "pair", "invalid-json", "error", lineBecomes(() => '{"prompt":"a","completion":NaN}')],
  ["two objects on a line", "maths", "invalid-json", "error", lineBecomes((line) => `${line}${line}`)],
  [
    "an object over several lines",
    "pair",
    "invalid-json",
    "error",
    lineBecomes((line) => line.replace(",", ",\n")),
  ],
  ["a comment", "pair", "invalid-json", "error", lineBecomes(() => "// the rest is new")],
  ["a conflict marker of git", "response", "invalid-json", "error", lineBecomes(() => "<<<<<<< HEAD")],
  [
    "an array over several lines",
    "pair",
    "invalid-json",
    "error",
    wholeFile('[\n{"prompt":"a","completion":"b"}\n]\n', 1),
  ],
  [
    "an array on one line",
    "pair",
    "row-not-object",
    "error",
    wholeFile('[{"prompt":"a","completion":"b"}]\n', 1),
  ],
  ["an error page", "pair", "invalid-json", "error", wholeFile("<!doctype html>\n<h1>404</h1>\n", 1)],
  [
    "a pointer of git-lfs",
    "pair",
    "invalid-json",
    "error",
    wholeFile("version https://git-lfs.github.com/spec/v1\nsize 9\n", 1),
  ],
  ["a packed file", "pair", "invalid-utf8", "error", wholeFile(gzipSync("x".repeat(20)), 1)],
  [
    "UTF-16",
    "pair",
    "invalid-json",
    "error",
    wholeFile(Buffer.from('{"prompt":"a","completion":"b"}\n', "utf16le"), 1),
  ],
  ["nothing", "pair", "no-rows", "error", wholeFile("", null)],
  ["blank lines only", "pair", "no-rows", "error", wholeFile("\n\r\n  \n", null)],
  ["a number for a row", "pair", "row-not-object", "error", lineBecomes(() => "42")],
  ["a text for a row", "preference", "row-not-object", "error", lineBecomes(() => '"hello"')],
  ["null for a row", "maths", "row-not-object", "error", lineBecomes(() => "null")],
  [
    "Latin-1",
    "pair",
    "invalid-utf8",
    "error",
    lineBecomes(() => Buffer.from('{"prompt":"caf\xe9","completion":"b"}', "latin1")),
  ],
  [
    "half a character",
    "chat",
    "invalid-utf8",
    "error",
    lineBecomes((line) => Buffer.concat([Buffer.from(line), Buffer.from([0xe2, 0x82])])),
  ],
  [
    "half of a surrogate pair",
    "pair",
    "invalid-unicode",
    "error",
    lineBecomes(() => '{"prompt":"a \\ud83d b","completion":"c"}'),
  ],
  [
    "an endless line",
    "pair",
    "line-too-long",
    "error",
    (rows, at) => ({ ...fieldBecomes("prompt", "x".repeat(5000))(rows, at), maxLineBytes: 4096 }),
  ],
  [
    "a row of CSV with too few cells",
    "response",
    "csv-columns",
    "error",
    csv(["text,response", "a,b", "c"], 3),
  ],
  [
    "a row of CSV with too many cells",
    "response",
    "csv-columns",
    "error",
    csv(["text,response", "a,b,c", "d,e"], 2),
  ],
  ["a column of CSV twice", "response", "dataset/csv-header", "rejected", csv(["text,text", "a,b"], null)],
  [
    "a column of CSV without a name",
    "response",
    "dataset/csv-header",
    "rejected",
    csv(["text,", "a,b"], null),
  ],
  [
    "an open quote in CSV",
    "response",
    "dataset/invalid-csv",
    "rejected",
    csv(["text,response", 'a,"b', "c,d"], null),
  ],
  ["no answer", "pair", "missing-field", "error", rowBecomes(({ prompt }) => ({ prompt }))],
  ["null for an answer", "pair", "missing-field", "error", fieldBecomes("completion", null)],
  ["an empty answer", "pair", "empty-field", "error", fieldBecomes("completion", "")],
  ["a blank question", "pair", "empty-field", "error", fieldBecomes("prompt", " \n\t")],
  ["a number for an answer", "pair", "wrong-type", "error", fieldBecomes("completion", 4)],
  ["an object for an answer", "pair", "wrong-type", "error", fieldBecomes("completion", { tool: "x" })],
  [
    "one chat among texts",
    "pair",
    "mixed-types",
    "error",
    rowBecomes(() => ({
      prompt: [{ role: "user", content: "a" }],
      completion: [{ role: "assistant", content: "b" }],
    })),
  ],
  [
    "a chat answered by a text",
    "pair",
    "mixed-types",
    "error",
    allRows(({ prompt, completion }) => ({ prompt: [{ role: "user", content: prompt }], completion })),
  ],
  [
    "unknown columns",
    "pair",
    "no-form",
    "error",
    allRows(({ prompt, completion }) => ({ left: prompt, right: completion })),
  ],
  ["an answer column of another name", "pair", "no-form", "error", renamed("completion", "response")],
  ["preferences of another name", "preference", "no-form", "error", renamed("rejected", "worse")],
  [
    "a mapping to no column",
    "pair",
    "missing-column",
    "error",
    allRows((row) => row, { mapping: { prompt: "prompt", completion: "answer" } }),
  ],
  [
    "a mapped column that one row lacks",
    "response",
    "missing-column",
    "error",
    rowBecomes(({ text }) => ({ text }), { mapping: { prompt: "{{text}}\n", completion: "response" } }),
  ],
  ["an empty response", "response", "empty-field", "error", fieldBecomes("response", "")],
  ["a row without text", "text", "missing-field", "error", rowBecomes(() => ({ body: "x" }))],
  ["an unknown role", "chat", "unknown-role", "error", messageBecomes(1, { role: "bot" })],
  ["a role in capitals", "chat", "unknown-role", "error", messageBecomes(0, { role: "User" })],
  [
    "messages with from and value",
    "chat",
    "unknown-role",
    "error",
    rowBecomes(() => ({
      messages: [
        { from: "human", value: "a" },
        { from: "gpt", value: "b" },
      ],
    })),
  ],
  ["an empty message", "chat", "empty-message", "error", messageBecomes(1, { content: "" })],
  ["a message without content", "chat", "empty-message", "error", messageBecomes(1, { content: null })],
  [
    "a chat without an answer",
    "chat",
    "no-answer",
    "error",
    rowBecomes((row) => ({ messages: (row.messages as Row[]).slice(0, 1) })),
  ],
  [
    "a chat as text",
    "chat",
    "wrong-type",
    "error",
    rowBecomes((row) => ({ messages: JSON.stringify(row.messages) })),
  ],
  ["a chat without messages", "chat", "wrong-type", "error", fieldBecomes("messages", [])],
  [
    "a preference for the same",
    "preference",
    "equal-preference",
    "error",
    rowBecomes(({ prompt, chosen }) => ({ prompt, chosen, rejected: chosen })),
  ],
  [
    "no rejected answer",
    "preference",
    "missing-field",
    "error",
    rowBecomes(({ prompt, chosen }) => ({ prompt, chosen })),
  ],
  [
    "a gold answer without a number",
    "maths",
    "gold-answer",
    "error",
    fieldBecomes("solution", "many", NUMERIC),
  ],
  [
    "a gold answer of two numbers",
    "maths",
    "gold-answer",
    "error",
    fieldBecomes("solution", "3 or 4", NUMERIC),
  ],
  [
    "a gold tool call that does not parse",
    "maths",
    "gold-answer",
    "error",
    allRows((row) => ({ ...row, solution: '{"name":' }), {
      rewards: [{ kind: "tool-call", column: "solution" }],
    }),
  ],
  [
    "a reward over no column",
    "maths",
    "no-form",
    "error",
    allRows((row) => row, { rewards: [{ kind: "exact", column: "gold" }] }),
  ],
  ["a Hugging Face token", "pair", "secret", "error", fieldBecomes("prompt", `login with ${SECRET}`)],
  [
    "an AWS key in a chat",
    "chat",
    "secret",
    "error",
    messageBecomes(0, { content: "key AKIAZ7Q2M4T6X8B1C3D5" }),
  ],
  [
    "a private key in a preference",
    "preference",
    "secret",
    "error",
    fieldBecomes("chosen", "-----BEGIN RSA PRIVATE KEY-----\nMIIE"),
  ],
  [
    "a GitHub token in maths",
    "maths",
    "secret",
    "error",
    fieldBecomes("problem", "ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"),
  ],
  [
    "a row twice",
    "pair",
    "duplicate-row",
    "warning",
    (rows, at) => ({ content: jsonl([...rows, rows[at] ?? {}]), line: ROWS + 1 }),
  ],
  [
    "an e-mail address",
    "pair",
    "email-address",
    "warning",
    fieldBecomes("prompt", "write to jane.doe@corp-mail.com now"),
  ],
  [
    "an answer of JSON that was cut",
    "pair",
    "broken-json",
    "warning",
    fieldBecomes("completion", '{"tool":"lamp","on":tr'),
  ],
  [
    "an answer of code that was cut",
    "pair",
    "truncated-answer",
    "warning",
    fieldBecomes("completion", "Run this:\n```ts\nconst a = 1"),
  ],
  [
    "a row longer than what is kept",
    "pair",
    "row-too-long",
    "warning",
    fieldBecomes("completion", "word ".repeat(300), { maxLength: 128 }),
  ],
  [
    "a prompt longer than what is kept",
    "pair",
    "prompt-too-long",
    "warning",
    fieldBecomes("prompt", "word ".repeat(300), { maxLength: 128 }),
  ],
  [
    "a row of the evaluation set",
    "pair",
    "in-evaluation-set",
    "warning",
    (rows, at) => ({ content: jsonl(rows), line: at + 1, options: { evaluation: [rows[at] ?? {}] } }),
  ],
  [
    "nearly a row of the evaluation set",
    "pair",
    "near-evaluation-set",
    "warning",
    (rows, at) => {
      const prompt = `${rows[at]?.prompt} and some more words for it to be of a good length`;
      const evaluation = [{ prompt: `${prompt} please`, completion: "x" }];
      return { ...fieldBecomes("prompt", prompt)(rows, at), options: { evaluation } };
    },
  ],
  [
    "a class that hardly occurs",
    "pair",
    "class-imbalance",
    "warning",
    allRows((row, index) => ({ ...row, completion: index === 7 ? "stop" : "play" })),
  ],
];

export function faultyDatasets(seed: number): readonly FaultyDataset[] {
  return FAULTS.map(([name, form, code, severity, spoil], index) => {
    const choice = new SeededChoice(seed).fork(index);
    // Not the first row: it decides the form.
    const at = 1 + choice.below(ROWS - 1);
    const {
      content,
      line,
      options = {},
      ending = "jsonl",
      maxLineBytes = 1 << 20,
    } = spoil(goodRows(form, choice), at);
    return { name, method: METHODS[form], ending, content, options, maxLineBytes, code, severity, line };
  });
}
