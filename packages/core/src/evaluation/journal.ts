import type { RecordPut, RegistryStore, StoredRecord } from "../contract/registry-store.ts";
import { type Clock, isoTime } from "../time/clock.ts";
import type { EvaluationAnswer } from "./answer.ts";
import type { ArmName, NamedScore } from "./arm.ts";
import { rowsFromRecord, rowText } from "./journal-row.ts";

export interface JournalKey {
  readonly arm: ArmName;
  readonly trial: number;
  readonly exampleId: string;
}

/** Scores that cost something, so that a restart does not pay the judge twice. */
export interface JournalScores {
  /** Names and versions of the metrics: other metrics are computed anew. */
  readonly metricsKey: string;
  readonly scores: readonly NamedScore[];
  readonly metricCostUsd: number | null;
}

/** An answer that was paid for, and its scores when they were paid for, too. */
export interface JournalRow extends JournalKey {
  readonly answer: EvaluationAnswer;
  readonly scored: JournalScores | null;
}

/** What the runner needs of a journal. Both return null instead of a promise when there is nothing to wait for. */
export interface JournalAccess {
  find(key: JournalKey): Promise<JournalRow | null> | null;
  append(row: JournalRow): Promise<void> | null;
  flush(): Promise<void>;
}

/** Rows that may wait for the commit in progress before the runner has to. */
const MAX_PENDING_ROWS = 512;
/** Text of one record: small enough that reading one answer back does not read everything. */
const RECORD_CHARACTERS = 64 * 1024;
const REMEMBERED_CHUNKS = 16;

/**
 * The durable list of answers of one evaluation, so that a restart pays for none of them again. Rows are committed in
 * groups: whatever arrived while the last group was being written. A row written again replaces the earlier one.
 */
export class Journal implements JournalAccess {
  readonly #store: RegistryStore;
  readonly #clock: Clock;
  readonly #agent: string;
  readonly #evaluationId: string;
  readonly #start: number;
  readonly #afterCommit: (() => Promise<void>) | undefined;
  /** Chunk of each row known from before this start. */
  readonly #chunkOf = new Map<string, string>();
  readonly #chunks = new Map<string, ReadonlyMap<string, JournalRow>>();
  #nextChunk = 0;
  /** As text: objects that wait for a commit cost several times as much memory. */
  #pending: string[] = [];
  #flushing: Promise<void> | null = null;
  #failure: { readonly error: unknown } | null = null;

  private constructor(options: JournalOptions) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#agent = options.agent;
    this.#evaluationId = options.evaluationId;
    this.#start = options.start;
    this.#afterCommit = options.afterCommit;
  }

  /** Opens the journal and indexes the rows of an earlier start. Holds keys in memory, not answers. */
  static async open(options: JournalOptions): Promise<Journal> {
    const journal = new Journal(options);
    let cursor: string | null = null;
    do {
      const page = await options.store.list({
        collection: "evaluation-rows",
        agent: options.agent,
        terms: [`evaluation:${options.evaluationId}`],
        limit: 20,
        cursor,
      });
      for (const record of page.records) {
        for (const key of rowsOf(record).keys()) journal.#chunkOf.set(key, record.key);
      }
      cursor = page.nextCursor;
    } while (cursor !== null);
    return journal;
  }

  /** Rows of earlier starts. */
  get knownRows(): number {
    return this.#chunkOf.size;
  }

  /** A row of an earlier start; null at once when there is none. */
  find(key: JournalKey): Promise<JournalRow | null> | null {
    if (this.#chunkOf.size === 0) return null;
    const id = rowId(key);
    const chunk = this.#chunkOf.get(id);
    return chunk === undefined ? null : this.#readRow(chunk, id);
  }

  /**
   * Adds a row. Waits only when commits cannot keep up; `flush` says that all of them are durable.
   * @throws ModelOpsError `input/not-json`
   */
  append(row: JournalRow): Promise<void> | null {
    if (this.#failure) return Promise.reject(this.#failure.error);
    this.#pending.push(rowText(row));
    this.#flushing ??= this.#flushLoop();
    return this.#pending.length >= MAX_PENDING_ROWS ? this.flush() : null;
  }

  /** Resolves when every row appended so far is durable. */
  async flush(): Promise<void> {
    while (this.#flushing) await this.#flushing;
    if (this.#failure) throw this.#failure.error;
  }

  /** The same rows for a run that must not add to them. */
  readOnly(): JournalAccess {
    return { find: (key) => this.find(key), append: () => null, flush: async () => undefined };
  }

  async #flushLoop(): Promise<void> {
    // Answers that arrive in the same turn of the event loop share a commit.
    await new Promise((resolve) => setImmediate(resolve));
    try {
      while (this.#pending.length > 0) {
        const rows = this.#pending;
        this.#pending = [];
        await this.#commit(rows);
      }
    } catch (error) {
      this.#failure = { error };
    } finally {
      this.#flushing = null;
    }
  }

  async #commit(rows: readonly string[]): Promise<void> {
    await this.#store.commit({
      agent: this.#agent,
      expectedRev: null,
      puts: inRecords(rows).map((text) => this.#record(text)),
      at: isoTime(this.#clock),
    });
    await this.#afterCommit?.();
  }

  #record(rows: string): RecordPut {
    // "s" sorts behind the keys of before starts were part of them, which were digits alone.
    const key = `${this.#evaluationId}/s${digits(this.#start)}/${digits(this.#nextChunk)}`;
    this.#nextChunk += 1;
    return {
      collection: "evaluation-rows",
      key,
      order: key,
      terms: [`evaluation:${this.#evaluationId}`],
      value: { v: 2, rows },
    };
  }

  async #readRow(chunk: string, id: string): Promise<JournalRow | null> {
    let rows = this.#chunks.get(chunk);
    if (!rows) {
      const record = await this.#store.get("evaluation-rows", this.#agent, chunk);
      rows = record ? rowsOf(record) : new Map();
      const oldest = this.#chunks.keys().next().value;
      if (this.#chunks.size >= REMEMBERED_CHUNKS && oldest !== undefined) this.#chunks.delete(oldest);
      this.#chunks.set(chunk, rows);
    }
    return rows.get(id) ?? null;
  }
}

export interface JournalOptions {
  readonly store: RegistryStore;
  readonly clock: Clock;
  readonly agent: string;
  readonly evaluationId: string;
  /** Number of this start: records of different starts never replace each other, those of a later one count. */
  readonly start: number;
  /** Whatever it rejects with ends the journal; the rows are durable by then. */
  readonly afterCommit?: () => Promise<void>;
}

function digits(value: number): string {
  return String(value).padStart(8, "0");
}

/** JSON arrays of the rows, each at most as long as a record should be (or one row long). */
function inRecords(rows: readonly string[]): readonly string[] {
  const records: string[] = [];
  let first = 0;
  let characters = 0;
  for (let index = 0; index < rows.length; index += 1) {
    const length = rows[index]?.length ?? 0;
    if (index > first && characters + length > RECORD_CHARACTERS) {
      records.push(`[${rows.slice(first, index).join(",")}]`);
      first = index;
      characters = 0;
    }
    characters += length;
  }
  records.push(`[${rows.slice(first).join(",")}]`);
  return records;
}

function rowsOf(record: StoredRecord): ReadonlyMap<string, JournalRow> {
  return new Map(rowsFromRecord(record.value).map((row) => [rowId(row), row]));
}

function rowId(key: JournalKey): string {
  return `${key.arm}/${key.trial}/${key.exampleId}`;
}
