import { z } from "zod";
import type { DatasetDescription, DatasetRow, DatasetSource } from "../contract/dataset-source.ts";
import { RowFingerprint } from "../datasets/fingerprint.ts";
import { LangSmithReader, type LangSmithReaderOptions } from "./langsmith-reader.ts";
import { parseLangSmithReference } from "./langsmith-reference.ts";
import { openTracedRuns, type TracedRun } from "./traced-runs.ts";

const EXAMPLES_PER_PAGE = 100;

const jsonSchema = z.record(z.string(), z.unknown());
const examplesSchema = z.array(
  z.looseObject({
    id: z.string(),
    inputs: jsonSchema.nullish(),
    outputs: jsonSchema.nullish(),
    metadata: jsonSchema.nullish(),
  }),
);

/**
 * Reads `ls://dataset` and `ls://dataset@version` as rows `{ id, inputs, outputs, metadata }`: every page as of one
 * moment, which is the version's or, without one, that of the first request. `ls://projects/name?since=…&until=…` gives a
 * project's root runs in that form, with status, error, tags and mean feedback.
 */
export function langSmithSource(options: LangSmithReaderOptions = {}): DatasetSource {
  const reader = new LangSmithReader(options);
  return {
    contract: "dataset-source/v1",
    scheme: "ls",
    async *read(ref, { signal } = {}) {
      let line = 0;
      for await (const values of pages(reader, ref, signal))
        for (const value of values) yield { line: ++line, value } satisfies DatasetRow;
    },
    async describe(ref, { signal } = {}): Promise<DatasetDescription> {
      const pinnedRef = pinnedReference(ref, reader);
      const fingerprint = new RowFingerprint();
      for await (const values of pages(reader, pinnedRef ?? ref, signal))
        for (const value of values) fingerprint.add(value);
      const { rows } = fingerprint;
      return { ref, pinnedRef, rows, sizeBytes: null, fingerprint: fingerprint.digest() };
    },
  };
}

/** A dataset without a version as it is now; the window of a project's runs is the caller's to state. */
function pinnedReference(ref: string, { clock }: LangSmithReader): string | null {
  const reference = parseLangSmithReference(ref);
  if (reference.kind === "project") return null;
  return `ls://${reference.name}@${reference.asOf ?? new Date(clock.now()).toISOString()}`;
}

async function* pages(
  reader: LangSmithReader,
  ref: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly Record<string, unknown>[]> {
  signal?.throwIfAborted();
  const reference = parseLangSmithReference(ref);
  if (reference.kind === "project") {
    const { name: project, since, until } = reference;
    const runs = await openTracedRuns(reader, { project, since, until, ...(signal && { signal }) });
    for await (const page of runs.pages) yield page.map(runRow);
    return;
  }
  const asOf = reference.asOf ?? new Date(reader.clock.now()).toISOString();
  const dataset = await reader.find("datasets", reference.name, signal);
  for (let offset = 0; ; offset += EXAMPLES_PER_PAGE) {
    const query = new URLSearchParams({
      dataset: dataset.id,
      as_of: asOf,
      inline_s3_urls: "true",
      offset: String(offset),
      limit: String(EXAMPLES_PER_PAGE),
    });
    const examples = await reader.get(`/examples?${query}`, examplesSchema, signal);
    yield examples.map(({ id, inputs, outputs, metadata }) => ({
      id,
      inputs: inputs ?? {},
      outputs: outputs ?? {},
      metadata: metadata ?? {},
    }));
    if (examples.length < EXAMPLES_PER_PAGE) return;
  }
}

function runRow({ id, inputs, outputs, metadata, status, error, tags, feedback }: TracedRun) {
  return { id, inputs, outputs, metadata, status, error, tags, feedback };
}
