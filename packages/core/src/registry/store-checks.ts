import type { CommitBatch, ListRequest, RecordPut } from "../contract/registry-store.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { NewEvent } from "../events/event.ts";

/** One record's JSON text. Larger things belong into files, with their path in the record. */
export const MAX_RECORD_BYTES = 4 * 1024 * 1024;
export const MAX_KEY_CHARACTERS = 512;
export const MAX_LIST_LIMIT = 10_000;

/** A put with its value as text, ready to be written. */
export interface PreparedPut {
  readonly collection: string;
  readonly key: string;
  readonly order: string | undefined;
  readonly terms: readonly string[];
  readonly json: string;
}

/** Checks a whole batch before anything is written, so that a refusal leaves no trace. */
export function prepareBatch(batch: CommitBatch): readonly PreparedPut[] {
  checkKey("agent", batch.agent);
  if (batch.idempotencyKey !== undefined) checkKey("idempotencyKey", batch.idempotencyKey);
  checkTime(batch.at);
  for (const remove of batch.removes ?? []) checkKey("key", remove.key);
  for (const event of batch.events ?? []) checkEvent(event);
  if (batch.result !== undefined) jsonText(batch.result, "The result of the commit");
  const seen = new Set<string>();
  for (const put of batch.puts) {
    const name = `${put.collection}/${put.key}`;
    if (seen.has(name)) throw putTwice(name);
    seen.add(name);
  }
  return batch.puts.map(preparePut);
}

function putTwice(name: string): ModelOpsError {
  return new ModelOpsError({
    code: "input/duplicate-put",
    message: `The batch puts ${name} twice.`,
    reason: "Which of the two should stay is not said.",
    fix: "put each record once per commit.",
  });
}

export function checkEvent(event: NewEvent): void {
  checkTime(event.time);
  jsonText(event.data ?? null, `The event ${event.type}`);
}

function preparePut(put: RecordPut): PreparedPut {
  checkKey("key", put.key);
  if (put.order !== undefined) checkKey("order", put.order);
  for (const term of put.terms ?? []) checkKey("term", term);
  const subject = `The record ${put.collection}/${put.key.slice(0, 80)}`;
  return {
    collection: put.collection,
    key: put.key,
    order: put.order,
    terms: [...new Set(put.terms ?? [])],
    json: jsonText(put.value, subject),
  };
}

/** The JSON text of a value, or a readable refusal: too large, circular, or not JSON at all. */
export function jsonText(value: unknown, subject: string): string {
  let text: string | undefined;
  let cause: unknown;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    cause = error;
  }
  if (text === undefined) {
    throw new ModelOpsError({
      code: "input/not-json",
      message: `${subject} cannot be stored.`,
      reason: "It has no JSON form (a function, a bigint, a circular reference).",
      fix: "store plain objects, arrays, strings, finite numbers, booleans and null.",
      cause,
    });
  }
  const sizeBytes = Buffer.byteLength(text);
  if (sizeBytes > MAX_RECORD_BYTES) {
    throw new ModelOpsError({
      code: "storage/record-too-large",
      message: `${subject} takes ${sizeBytes} bytes.`,
      reason: `A record may hold at most ${MAX_RECORD_BYTES} bytes of JSON; nothing was written.`,
      fix: "shorten it, or write it to a file and store the path.",
      details: { sizeBytes, limitBytes: MAX_RECORD_BYTES },
    });
  }
  return text;
}

export function checkList(request: ListRequest): void {
  checkLimit(request.limit);
  for (const term of request.terms ?? []) checkKey("term", term);
}

export function checkLimit(limit: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIST_LIMIT) return;
  throw new ModelOpsError({
    code: "input/limit",
    message: `A limit of ${limit} is not possible.`,
    reason: `A page holds 1 to ${MAX_LIST_LIMIT} records.`,
    fix: "ask for a smaller page and follow nextCursor.",
  });
}

function checkKey(name: string, value: string): void {
  const isFine =
    typeof value === "string" && value !== "" && value.length <= MAX_KEY_CHARACTERS && value.isWellFormed();
  if (isFine && !value.includes("\0")) return;
  throw new ModelOpsError({
    code: "input/store-key",
    message: `The ${name} ${JSON.stringify(String(value).slice(0, 80))} cannot be used as a key.`,
    reason: `Keys hold 1 to ${MAX_KEY_CHARACTERS} characters of valid Unicode, without NUL.`,
    fix: "use a shorter plain text.",
  });
}

function checkTime(time: string): void {
  if (/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/.test(time) && !Number.isNaN(Date.parse(time))) return;
  throw new ModelOpsError({
    code: "input/time",
    message: `${JSON.stringify(String(time).slice(0, 40))} is not a time.`,
    reason: "Stored times are ISO 8601 in UTC, such as 2026-01-31T12:00:00.000Z.",
    fix: "use isoTime(clock).",
  });
}

export function orderChanged(put: PreparedPut, stored: string): ModelOpsError {
  return new ModelOpsError({
    code: "storage/order-changed",
    message: `The record ${put.collection}/${put.key} is stored with the order ${JSON.stringify(stored)}, not ${JSON.stringify(put.order)}.`,
    reason:
      "The order of a record is fixed by its first put, so that pages stay stable; nothing was written.",
    fix: "leave out order when you put the record again.",
  });
}
