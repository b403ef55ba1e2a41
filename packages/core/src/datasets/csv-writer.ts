import { ModelOpsError } from "../errors/modelops-error.ts";
import { type FinishedFile, LineWriter, type RowWriter } from "./export-rows.ts";

type Row = Readonly<Record<string, unknown>>;

/**
 * Rows as CSV (RFC 4180, line feeds, UTF-8). Examples with a prompt and an answer become the columns `text` and `response`,
 * other forms keep their fields. Cells stay the text they are, a leading `=` included: this is data to train on.
 */
export class CsvWriter implements RowWriter {
  readonly #lines: LineWriter;
  #columns: readonly string[] | null = null;
  #rows = 0;

  constructor(path: string) {
    this.#lines = new LineWriter(path);
  }

  get rows(): number {
    return this.#rows;
  }

  write(row: Row): void | Promise<void> {
    const flat = flatRow(row, this.#rows + 1);
    const isFirst = this.#columns === null;
    this.#columns ??= Object.keys(flat);
    this.#rows += 1;
    const cells = this.#columns.map((name) => cell(flat[name]));
    const line = cells.join(",");
    return this.#lines.write(isFirst ? `${this.#columns.map(cell).join(",")}\n${line}` : line);
  }

  async finish(): Promise<FinishedFile> {
    return { rows: this.#rows, ...(await this.#lines.finish()) };
  }

  discard(): Promise<void> {
    return this.#lines.discard();
  }
}

function flatRow(row: Row, number: number): Row {
  const { messages, prompt, completion } = row;
  if (messages !== undefined) {
    const [asked, answer, more] = messages as readonly Readonly<Record<string, unknown>>[];
    const isPair = asked?.role === "user" && answer?.role === "assistant" && more === undefined;
    if (
      isPair &&
      typeof asked.content === "string" &&
      typeof answer.content === "string" &&
      !answer.tool_calls
    )
      return { text: asked.content, response: answer.content };
    throw notFlat(number, "a conversation of more than a question and its answer");
  }
  if (Object.values(row).some(Array.isArray)) throw notFlat(number, "a list");
  return completion === undefined ? row : { text: prompt, response: completion };
}

function cell(value: unknown): string {
  const text = typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function notFlat(number: number, what: string): ModelOpsError {
  return new ModelOpsError({
    code: "dataset/not-flat",
    message: `Row ${number} cannot be written as CSV: it holds ${what}.`,
    fix: "export to .jsonl or .parquet, or give a mapping that makes texts.",
    details: { row: number },
  });
}
