import { z } from "zod";
import { parseOrThrow } from "../errors/from-zod.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { LangSmithReader, type LangSmithReaderOptions } from "../langsmith/langsmith-reader.ts";
import { parseLangSmithReference } from "../langsmith/langsmith-reference.ts";
import { runMessages } from "../langsmith/run-messages.ts";
import { openTracedRuns, type RunWindow, type TracedRun } from "../langsmith/traced-runs.ts";
import { JsonlWriter } from "./export-rows.ts";
import { compileMapping, type FieldMapping, fieldMappingSchema } from "./mapping.ts";
import { hashText, SeenHashes } from "./seen-hashes.ts";
import { findSecret } from "./sensitive.ts";
import type { WrittenRows } from "./split-dataset.ts";

/** Which runs are good examples. */
export interface CollectFilter {
  /** Only runs that ended without an error. @default true */
  readonly success?: boolean;
  /** Lowest mean score, in the scale of the feedback. Runs without a score are left out. */
  readonly minFeedback?: number;
  /** The feedback that `minFeedback` looks at. Default: every scored key of the run, so that one low score leaves it out. */
  readonly feedbackKey?: string;
  /** Only runs that a person approved: feedback `hitl_approved` of 1, or metadata `hitl_approved: true`. @default false */
  readonly hitlApproved?: boolean;
  /** Only runs with all of these tags. */
  readonly tags?: readonly string[];
  /** A condition in the filter language of LangSmith, decided over there. */
  readonly query?: string;
}

export interface CollectDatasetOptions {
  /** `ls://project`, also with `?since=…&until=…`. */
  readonly from: string;
  /** Only runs of this agent: tag `agent:<name>`, or `agent` (`agent_name`) in the metadata. */
  readonly agent?: string;
  readonly filter?: CollectFilter;
  /** Start of the window. Default: when the project was made. */
  readonly since?: string | Date;
  /** End of the window. Default: now. */
  readonly until?: string | Date;
  /** At most so many rows, the newest. */
  readonly rows?: number;
  /** From `inputs`, `outputs`, `metadata` and `tags` of a run. Default: its conversation as `messages`. */
  readonly mapping?: FieldMapping;
  /** The JSON Lines file to write. */
  readonly path: string;
  readonly langSmith?: LangSmithReaderOptions;
  readonly signal?: AbortSignal;
}

/** Why runs were left out. */
export type LeftOut =
  | "unfinished"
  | "failed"
  | "other-agent"
  | "other-tags"
  | "no-feedback"
  | "low-feedback"
  | "not-approved"
  | "no-text"
  | "secret"
  | "duplicate";

export interface CollectedDataset extends WrittenRows {
  /** Runs looked at. */
  readonly runs: number;
  readonly window: RunWindow;
  readonly leftOut: Readonly<Partial<Record<LeftOut, number>>>;
  /** Feedback keys that were seen, for choosing `feedbackKey`. */
  readonly feedbackKeys: readonly string[];
}

const time = z.union([z.iso.datetime({ offset: true }), z.iso.date(), z.date()]).optional();
const optionsSchema = z.strictObject({
  from: z.string().startsWith("ls://"),
  agent: z.string().min(1).optional(),
  filter: z
    .strictObject({
      success: z.boolean().optional(),
      minFeedback: z.number().optional(),
      feedbackKey: z.string().min(1).optional(),
      hitlApproved: z.boolean().optional(),
      tags: z.array(z.string()).optional(),
      query: z.string().min(1).optional(),
    })
    .optional(),
  since: time,
  until: time,
  rows: z.int().positive().optional(),
  mapping: fieldMappingSchema.optional(),
  path: z.string().min(1),
  langSmith: z.custom<LangSmithReaderOptions>((value) => typeof value === "object").optional(),
  signal: z.custom<AbortSignal>((value) => value instanceof AbortSignal).optional(),
});

const APPROVAL = "hitl_approved";

/**
 * Builds a training file from the traced runs of a LangSmith project: finished root runs that pass the filter, each as the
 * conversation that it was. Repeated rows and rows with a token in them are left out, and everything left out is counted.
 * @throws ModelOpsError `dataset/nothing-collected`, `langsmith/…`
 */
export async function collectDataset(options: CollectDatasetOptions): Promise<CollectedDataset> {
  parseOrThrow(optionsSchema, options, {
    code: "input/dataset-collect",
    subject: "The collection of a dataset",
  });
  const { from, filter = {}, signal, path } = options;
  const query = from.startsWith("ls://projects/") ? from : from.replace("ls://", "ls://projects/");
  const reference = parseLangSmithReference(query);
  const inReference = reference.kind === "project" ? reference : { since: null, until: null };
  const opened = await openTracedRuns(new LangSmithReader(options.langSmith), {
    project: reference.name,
    since: isoOf(options.since) ?? inReference.since,
    until: isoOf(options.until) ?? inReference.until,
    ...(filter.query !== undefined && { filter: filter.query }),
    ...(signal && { signal }),
  });
  const toRow = options.mapping ? mappedRow(options.mapping) : conversationRow;
  const seen = new SeenHashes();
  const leftOut: Partial<Record<LeftOut, number>> = {};
  const feedbackKeys = new Set<string>();
  const limit = options.rows ?? Number.POSITIVE_INFINITY;
  const writer = new JsonlWriter(path);
  let runs = 0;
  try {
    pages: for await (const page of opened.pages) {
      for (const run of page) {
        if (writer.rows >= limit) break pages;
        runs += 1;
        for (const key of Object.keys(run.feedback)) feedbackKeys.add(key);
        const row = reasonToLeaveOut(run, options) ?? toRow(run);
        const reason = typeof row === "string" ? row : reasonOfText(JSON.stringify(row), seen);
        if (typeof row === "string" || reason)
          leftOut[reason as LeftOut] = (leftOut[reason as LeftOut] ?? 0) + 1;
        else await writer.write(row);
      }
    }
    if (writer.rows === 0) throw nothingCollected(from, runs, leftOut, [...feedbackKeys]);
    const written = await writer.finish();
    return { path, ...written, runs, window: opened.window, leftOut, feedbackKeys: [...feedbackKeys].sort() };
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

function reasonToLeaveOut(run: TracedRun, { agent, filter = {} }: CollectDatasetOptions): LeftOut | null {
  if (run.status === "pending") return "unfinished";
  if ((filter.success ?? true) && run.status !== "success") return "failed";
  const owner = run.metadata.agent ?? run.metadata.agent_name;
  if (agent !== undefined && owner !== agent && !run.tags.includes(`agent:${agent}`)) return "other-agent";
  if (filter.tags && !filter.tags.every((tag) => run.tags.includes(tag))) return "other-tags";
  if (filter.minFeedback !== undefined) {
    const wanted = Object.entries(run.feedback).filter(([key]) =>
      filter.feedbackKey === undefined ? key !== APPROVAL : key === filter.feedbackKey,
    );
    const scores = wanted.flatMap(([, { mean }]) => (mean === null ? [] : [mean]));
    if (scores.length === 0) return "no-feedback";
    if (Math.min(...scores) < filter.minFeedback) return "low-feedback";
  }
  const isApproved = run.feedback[APPROVAL]?.mean === 1 || run.metadata[APPROVAL] === true;
  return filter.hitlApproved && !isApproved ? "not-approved" : null;
}

function reasonOfText(text: string, seen: SeenHashes): LeftOut | null {
  if (findSecret(text)) return "secret";
  return seen.add(hashText(text)) ? null : "duplicate";
}

type Row = Readonly<Record<string, unknown>>;

function conversationRow(run: TracedRun): Row | LeftOut {
  const messages = runMessages(run.inputs, run.outputs);
  return messages ? { messages } : "no-text";
}

function mappedRow(mapping: FieldMapping): (run: TracedRun) => Row | LeftOut {
  const map = compileMapping(mapping);
  return ({ inputs, outputs, metadata, tags }) => {
    const mapped = map({ inputs, outputs, metadata, tags });
    return "value" in mapped ? mapped.value : "no-text";
  };
}

function isoOf(value: string | Date | undefined): string | null {
  return value === undefined ? null : new Date(value).toISOString();
}

function nothingCollected(
  from: string,
  runs: number,
  leftOut: Readonly<Partial<Record<LeftOut, number>>>,
  feedbackKeys: readonly string[],
): ModelOpsError {
  const reasons = Object.entries(leftOut).map(([reason, count]) => `${count} ${reason}`);
  const keys = feedbackKeys.length > 0 ? ` Feedback keys seen: ${feedbackKeys.slice(0, 8).join(", ")}.` : "";
  return new ModelOpsError({
    code: "dataset/nothing-collected",
    message: `No run of ${from} became a row.`,
    reason: `${runs} runs were looked at${reasons.length > 0 ? `: ${reasons.join(", ")}` : ""}.${keys}`,
    fix:
      runs === 0
        ? "check the project and the window (since, until)."
        : "loosen the filter, name the feedbackKey, or give a mapping from inputs and outputs.",
    details: { runs, leftOut, feedbackKeys },
  });
}
