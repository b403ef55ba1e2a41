import { z } from "zod";
import type { DatasetRow } from "../contract/dataset-source.ts";
import { parseOrThrow } from "../errors/from-zod.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { type DatasetReader, type DatasetReference, datasetReader } from "./dataset-reference.ts";
import { JsonlWriter } from "./export-rows.ts";
import { SeededChoice } from "./seeded-choice.ts";
import type { WrittenRows } from "./split-dataset.ts";

const SHARE_ERROR = 1e-6;

const optionsSchema = z.looseObject({
  seed: z.int().nonnegative().optional(),
  rows: z.int().positive().optional(),
});
const partsSchema = z
  .array(z.looseObject({ share: z.number().gt(0).max(1) }))
  .min(1)
  .refine(
    (parts) => Math.abs(parts.reduce((sum, part) => sum + part.share, 0) - 1) < SHARE_ERROR,
    "the shares must sum to 1",
  );

/** One ingredient: a dataset and its share of the mixture. */
export interface MixPart {
  readonly ref: DatasetReference;
  readonly share: number;
}

export interface MixDatasetsOptions {
  readonly path: string;
  /** @default 42 */
  readonly seed?: number;
  /** Rows of the mixture. Default: as many as the parts allow. */
  readonly rows?: number;
  readonly reader?: DatasetReader;
  readonly signal?: AbortSignal;
}

/** The written mixture, and what was taken of each part. */
export interface MixedDataset extends WrittenRows {
  readonly parts: readonly { readonly ref: string; readonly rows: number; readonly available: number }[];
}

/**
 * Mixes datasets by share, such as 80 % new examples and 20 % of what the model shall not forget: as many rows as the
 * scarcest part allows (or `rows`), none twice, in a seeded random order. Reads each part twice and holds no rows.
 */
export async function mixDatasets(
  parts: readonly MixPart[],
  options: MixDatasetsOptions,
): Promise<MixedDataset> {
  const problem = { code: "input/dataset-mix", subject: "The mixture of datasets" } as const;
  parseOrThrow(partsSchema, parts, problem);
  parseOrThrow(optionsSchema, options, problem);
  const reader = options.reader ?? datasetReader();
  const described = await Promise.all(parts.map(({ ref }) => reader.describe(ref, options)));
  const available = await Promise.all(
    described.map(async ({ rows }, index) => rows ?? (await countRows(reader, parts[index]?.ref ?? []))),
  );
  const possible = Math.floor(
    Math.min(...parts.map(({ share }, index) => (available[index] ?? 0) / share)) + SHARE_ERROR,
  );
  const total = options.rows ?? possible;
  if (total < 1 || total > possible) {
    throw new ModelOpsError({
      code: "dataset/too-few-rows",
      message: `A mixture of ${total} rows cannot be made.`,
      reason: `With these shares the parts have rows for ${possible}: ${available.map((rows, index) => `${rows} in part ${index + 1}`).join(", ")}.`,
      fix: "ask for fewer rows, change the shares, or give more rows to the scarcest part.",
    });
  }
  const choice = new SeededChoice(options.seed ?? 42);
  const wanted = divide(
    total,
    parts.map((part) => part.share),
  );
  const streams = parts.map(({ ref }, index) =>
    chosenRows(reader.batches(ref, options), wanted[index] ?? 0, available[index] ?? 0, choice.fork(index)),
  );
  const writer = new JsonlWriter(options.path);
  try {
    const left = [...wanted];
    for (let remaining = total; remaining > 0; remaining -= 1) {
      options.signal?.throwIfAborted();
      // Each row left has the same chance to be next, so the parts are mixed evenly to the end.
      let place = choice.below(remaining);
      const index = left.findIndex((count) => {
        place -= count;
        return place < 0;
      });
      const next = await streams[index]?.next();
      if (!next || next.done) throw changedError();
      await writer.write(next.value.value);
      left[index] = (left[index] ?? 0) - 1;
    }
    const written = await writer.finish();
    return {
      path: options.path,
      ...written,
      parts: described.map(({ ref }, index) => ({
        ref,
        rows: wanted[index] ?? 0,
        available: available[index] ?? 0,
      })),
    };
  } catch (error) {
    await writer.discard();
    throw error;
  } finally {
    await Promise.all(streams.map((stream) => stream.return(undefined)));
  }
}

/** Exactly `wanted` of `available` rows, each with the same chance (selection sampling: one pass, no memory). */
async function* chosenRows(
  batches: AsyncIterable<readonly DatasetRow[]>,
  wanted: number,
  available: number,
  choice: SeededChoice,
): AsyncGenerator<DatasetRow, void> {
  let needed = wanted;
  let left = available;
  for await (const rows of batches) {
    for (const row of rows) {
      if (needed === 0) return;
      if (choice.below(left) < needed) {
        needed -= 1;
        yield row;
      }
      left -= 1;
    }
  }
}

/** Whole numbers with the given shares and exactly this sum: the largest remainders are rounded up. */
function divide(total: number, shares: readonly number[]): number[] {
  const exact = shares.map((share) => share * total);
  const result = exact.map((value) => Math.floor(value + SHARE_ERROR));
  const order = exact
    .map((value, index) => ({ index, rest: value - (result[index] ?? 0) }))
    .sort((one, other) => other.rest - one.rest);
  let missing = total - result.reduce((sum, value) => sum + value, 0);
  for (const { index } of order) {
    if (missing <= 0) break;
    result[index] = (result[index] ?? 0) + 1;
    missing -= 1;
  }
  return result;
}

async function countRows(reader: DatasetReader, ref: DatasetReference): Promise<number> {
  let count = 0;
  for await (const rows of reader.batches(ref)) count += rows.length;
  return count;
}

function changedError(): ModelOpsError {
  return new ModelOpsError({
    code: "dataset/changed",
    message: "A part of the mixture lost rows while it was read.",
    fix: "mix again when nobody writes to it.",
    isRetryable: true,
  });
}
