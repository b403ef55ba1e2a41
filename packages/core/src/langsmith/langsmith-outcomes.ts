import { z } from "zod";
import type { OutcomeSource, SourcedOutcome } from "../contract/outcome-source.ts";
import { parseOrThrow } from "../errors/from-zod.ts";
import { LangSmithReader, type LangSmithReaderOptions } from "./langsmith-reader.ts";
import { openTracedRuns, type TracedRun } from "./traced-runs.ts";

export interface LangSmithOutcomesOptions extends LangSmithReaderOptions {
  /** Name or id of the project with the host's traces. */
  readonly project: string;
  /**
   * How long after its start a run is read, once and for all: it has ended by then, or failed, and who rates it has done
   * so. @default 600_000
   */
  readonly settleMs?: number;
  /** Feedback key whose mean, in [0,1], is the score. @default no score */
  readonly scoreKey?: string;
  /** Feedback key that says whether a run did what it was for: a mean of 0.5 or more. @default a run without error did */
  readonly successKey?: string;
}

const optionsSchema = z.looseObject({
  project: z.string().min(1),
  settleMs: z.number().int().positive().default(600_000),
  scoreKey: z.string().min(1).optional(),
  successKey: z.string().min(1).optional(),
});

/** Where hosts of LangSmith name the session of a run; without any of them each run is its own session. */
const SESSION_KEYS = ["session_id", "thread_id", "conversation_id"];

/**
 * Outcomes from LangSmith traces: root runs that carry the `tags` of their route decision. The first run of a session (by
 * `session_id`, `thread_id` or `conversation_id` in its metadata) counts. A run that has not ended when it is read counts
 * as failed.
 *
 * Errors: `langsmith/options`, and `langsmith/…` when it is read.
 */
export function langSmithOutcomes(options: LangSmithOutcomesOptions): OutcomeSource {
  const { project, settleMs, scoreKey, successKey } = parseOrThrow(optionsSchema, options, {
    code: "langsmith/options",
    subject: "The options of langSmithOutcomes",
  });
  const reader = new LangSmithReader(options);
  return {
    contract: "outcome-source/v1",
    id: `langsmith:${project}`,
    async read({ rolloutId, since }, { signal } = {}) {
      const until = new Date(reader.clock.now() - settleMs).toISOString();
      if (until <= since) return { outcomes: [], until: since };
      const filter = `has(tags,${JSON.stringify(`rollout:${rolloutId}`)})`;
      const { pages } = await openTracedRuns(reader, {
        project,
        since,
        until,
        filter,
        ...(signal && { signal }),
      });
      const runs: TracedRun[] = [];
      for await (const page of pages) runs.push(...page);
      runs.sort((left, right) => (left.startTime ?? "").localeCompare(right.startTime ?? ""));
      return { outcomes: runs.flatMap((run) => outcomeOf(run, { scoreKey, successKey }) ?? []), until };
    },
  };
}

/** Null for a run that says nothing about a rollout: not tagged whole, or not assigned by chance. */
function outcomeOf(
  run: TracedRun,
  keys: Pick<LangSmithOutcomesOptions, "scoreKey" | "successKey">,
): SourcedOutcome | null {
  const arm = tagOf(run, "arm:");
  const sharePct = Number(tagOf(run, "canary_share:") ?? Number.NaN);
  if ((arm !== "baseline" && arm !== "canary") || !Number.isFinite(sharePct)) return null;
  if (run.tags.includes("randomized:false")) return null;
  const success = meanOf(run, keys.successKey);
  const score = meanOf(run, keys.scoreKey);
  // A run that was to be rated and was not has no known success: only an error speaks for itself.
  if (keys.successKey !== undefined && success === null && run.status === "success") return null;
  return {
    sessionId: sessionOf(run),
    arm,
    sharePct,
    ok: run.status === "success" && (success ?? 1) >= 0.5,
    latencyMs: durationMs(run),
    score: score !== null && score >= 0 && score <= 1 ? score : null,
  };
}

function tagOf(run: TracedRun, prefix: string): string | null {
  return run.tags.find((tag) => tag.startsWith(prefix))?.slice(prefix.length) ?? null;
}

function meanOf(run: TracedRun, key: string | undefined): number | null {
  return key !== undefined && Object.hasOwn(run.feedback, key) ? (run.feedback[key]?.mean ?? null) : null;
}

function sessionOf(run: TracedRun): string {
  const named = SESSION_KEYS.map((key) => run.metadata[key]).find(
    (value) => typeof value === "string" && value !== "",
  );
  return typeof named === "string" ? named : run.id;
}

function durationMs({ startTime, endTime }: TracedRun): number | null {
  const duration = Date.parse(endTime ?? "") - Date.parse(startTime ?? "");
  return duration >= 0 ? duration : null;
}
