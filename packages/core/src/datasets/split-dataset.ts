import { z } from "zod";
import { parseOrThrow } from "../errors/from-zod.ts";
import { type DatasetReader, type DatasetReference, datasetReader } from "./dataset-reference.ts";
import { JsonlWriter } from "./export-rows.ts";
import { canonicalRow } from "./fingerprint.ts";
import { hashText } from "./seen-hashes.ts";

const HASHES = 2 ** 53;

const optionsSchema = z.looseObject({
  evaluationShare: z.number().gt(0).lt(1),
  seed: z.int().nonnegative().optional(),
});

/** What was written to one side. */
export interface WrittenRows {
  readonly path: string;
  readonly rows: number;
  readonly sizeBytes: number;
  readonly sha256: string;
}

export interface SplitDatasetOptions {
  readonly trainPath: string;
  readonly evaluationPath: string;
  /** Share of the rows to hold out, such as 0.1. */
  readonly evaluationShare: number;
  /** @default 42 */
  readonly seed?: number;
  readonly reader?: DatasetReader;
  readonly signal?: AbortSignal;
}

/**
 * Divides a dataset into a training and an evaluation file. The side of a row follows from its content and the seed:
 * the same row is always on the same side, so a repeated row never stands on both, and the share is met on average.
 */
export async function splitDataset(
  ref: DatasetReference,
  options: SplitDatasetOptions,
): Promise<{ readonly train: WrittenRows; readonly evaluation: WrittenRows }> {
  parseOrThrow(optionsSchema, options, { code: "input/dataset-split", subject: "The dataset split" });
  const reader = options.reader ?? datasetReader();
  const train = new JsonlWriter(options.trainPath);
  const evaluation = new JsonlWriter(options.evaluationPath);
  try {
    for await (const rows of reader.batches(ref, { signal: options.signal })) {
      options.signal?.throwIfAborted();
      for (const row of rows) {
        const place = hashText(canonicalRow(row.value), options.seed ?? 42) / HASHES;
        await (place < options.evaluationShare ? evaluation : train).write(row.value);
      }
    }
    return {
      train: { path: options.trainPath, ...(await train.finish()) },
      evaluation: { path: options.evaluationPath, ...(await evaluation.finish()) },
    };
  } catch (error) {
    await Promise.all([train.discard(), evaluation.discard()]);
    throw error;
  }
}
