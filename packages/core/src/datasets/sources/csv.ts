import type { Readable } from "node:stream";
import { type CsvError, parse } from "csv-parse";
import type { DatasetRow } from "../../contract/dataset-source.ts";
import { ModelOpsError } from "../../errors/modelops-error.ts";
import { type ReadRowsOptions, rowError } from "./row-problem.ts";

const ROWS_AT_ONCE = 512;
/** Columns whose cells are JSON when a chat is written as CSV. */
const JSON_COLUMNS = new Set(["messages", "tools", "prompt", "completion", "chosen", "rejected"]);

/** Rows of a CSV file with a header line. Cells stay the text they are; leading `=` or `+` are not touched. */
export async function* readCsv(
  source: Readable,
  ref: string,
  options: ReadRowsOptions & { readonly maxLineBytes: number; readonly linesBefore?: number },
): AsyncGenerator<DatasetRow[]> {
  // The header is read as a row, and rows as arrays: so a column named __proto__ stays a name.
  let header: readonly string[] | null = null;
  const { linesBefore = 0, signal } = options;
  const parser = parse({
    bom: true,
    info: true,
    skip_empty_lines: true,
    relax_column_count: true,
    max_record_size: options.maxLineBytes,
  });
  source.on("error", (error) => parser.destroy(error));
  const stop = () => source.destroy(signal?.reason);
  signal?.addEventListener("abort", stop, { once: true });
  source.pipe(parser);
  let rows: DatasetRow[] = [];
  try {
    signal?.throwIfAborted();
    for await (const { record, info } of parser as AsyncIterable<{
      record: string[];
      info: { lines: number };
    }>) {
      if (!header) {
        header = checkHeader(record, ref);
        continue;
      }
      const line = linesBefore + info.lines;
      if (record.length !== header.length) {
        const problem = {
          code: "dataset/csv-columns",
          line,
          message: `it has ${record.length} cells, the header has ${header.length}.`,
          fix: "put cells that hold commas or line breaks in double quotes.",
        } as const;
        if (!options.onProblem) throw rowError(ref, problem);
        options.onProblem(problem);
        continue;
      }
      const value: Record<string, unknown> = Object.create(null);
      header.forEach((name, index) => {
        value[name] = cellValue(name, record[index] ?? "");
      });
      rows.push({ line, value });
      if (rows.length === ROWS_AT_ONCE) {
        yield rows;
        rows = [];
      }
    }
  } catch (error) {
    // The stream wraps the reason of an abort; callers compare it with their own.
    signal?.throwIfAborted();
    throw csvError(error, ref, linesBefore);
  } finally {
    signal?.removeEventListener("abort", stop);
    source.destroy();
  }
  if (rows.length > 0) yield rows;
}

function cellValue(name: string, cell: string): unknown {
  if (!JSON_COLUMNS.has(name) || !/^\s*\[\s*\{/.test(cell)) return cell;
  try {
    return JSON.parse(cell);
  } catch {
    return cell;
  }
}

function checkHeader(names: readonly string[], ref: string): readonly string[] {
  const trimmed = names.map((name) => name.trim());
  const twice = trimmed.find((name, index) => trimmed.indexOf(name) !== index);
  if (twice === undefined && trimmed.every((name) => name !== "")) return trimmed;
  throw new ModelOpsError({
    code: "dataset/csv-header",
    message: `The header of ${ref} cannot be used.`,
    reason: twice ? `The column ${JSON.stringify(twice)} stands there twice.` : "A column has no name.",
    fix: "give every column its own name in the first line.",
  });
}

function csvError(error: unknown, ref: string, linesBefore: number): unknown {
  const { code, message } = (error ?? {}) as Partial<CsvError>;
  if (ModelOpsError.isInstance(error) || !String(code).startsWith("CSV_")) return error;
  const line = linesBefore + Number((error as { readonly lines?: number }).lines ?? 1);
  return rowError(ref, {
    code: "dataset/invalid-csv",
    line,
    message: `${String(message).slice(0, 200)}.`,
    fix: "put cells that hold quotes in double quotes and double the quotes inside.",
  });
}
