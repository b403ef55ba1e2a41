import { ByteWriter, type ColumnSource, ParquetWriter, schemaFromColumnData } from "hyparquet-writer";
import type { FinishedFile, RowWriter } from "./export-rows.ts";
import { WholeFile } from "./whole-file.ts";

type Row = Readonly<Record<string, unknown>>;

const ROWS_PER_GROUP = 10_000;
const CHARACTERS_PER_GROUP = 16 * 1024 * 1024;

/** Rows as Parquet (snappy). Texts are strings; lists and objects, such as chats, are JSON columns. */
export class ParquetRowWriter implements RowWriter {
  readonly #file: WholeFile;
  readonly #bytes = new ByteWriter();
  #writer: ParquetWriter | null = null;
  #columns: readonly { readonly name: string; readonly type: "STRING" | "JSON" }[] = [];
  #group: Row[] = [];
  #characters = 0;
  #rows = 0;

  constructor(path: string) {
    this.#file = new WholeFile(path);
  }

  get rows(): number {
    return this.#rows;
  }

  write(row: Row): void | Promise<void> {
    this.#group.push(row);
    this.#rows += 1;
    for (const value of Object.values(row))
      this.#characters += typeof value === "string" ? value.length : 200;
    if (this.#group.length >= ROWS_PER_GROUP || this.#characters >= CHARACTERS_PER_GROUP)
      return this.#writeGroup();
  }

  async finish(): Promise<FinishedFile> {
    await this.#writeGroup();
    this.#writer?.finish();
    await this.#flush();
    return { rows: this.#rows, ...(await this.#file.finish()) };
  }

  discard(): Promise<void> {
    return this.#file.discard();
  }

  async #writeGroup(): Promise<void> {
    const rows = this.#group;
    if (rows.length === 0) return;
    this.#group = [];
    this.#characters = 0;
    this.#writer ??= this.#open(rows);
    const columnData = this.#columns.map(({ name, type }) => ({
      name,
      type,
      data: rows.map((row) => columnValue(row[name], type)),
    }));
    await this.#writer.write({ columnData, rowGroupSize: rows.length });
    await this.#flush();
  }

  /** The first rows decide which columns there are; a row's form is the same in the whole file. */
  #open(rows: readonly Row[]): ParquetWriter {
    const names = new Set(rows.flatMap((row) => Object.keys(row)));
    this.#columns = [...names].map((name) => ({
      name,
      type: rows.every((row) => row[name] === undefined || typeof row[name] === "string") ? "STRING" : "JSON",
    }));
    const columnData: ColumnSource[] = this.#columns.map((column) => ({
      ...column,
      data: [],
      nullable: true,
    }));
    return new ParquetWriter({ writer: this.#bytes, schema: schemaFromColumnData({ columnData }) });
  }

  async #flush(): Promise<void> {
    const bytes = this.#bytes.getBytes().slice();
    // What was written is in the file; offsets go on counting.
    this.#bytes.index = 0;
    await this.#file.append(bytes);
  }
}

function columnValue(value: unknown, type: "STRING" | "JSON"): unknown {
  if (value === undefined || value === null) return null;
  return type === "STRING" && typeof value !== "string" ? JSON.stringify(value) : value;
}
