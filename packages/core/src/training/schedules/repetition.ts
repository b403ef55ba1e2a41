import { createHash } from "node:crypto";
import { Cron } from "croner";
import { z } from "zod";
import { formatQuote, type Quote, type Range } from "../../cost/quote.ts";
import { parseOrThrow } from "../../errors/from-zod.ts";
import { ModelOpsError } from "../../errors/modelops-error.ts";

const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;
const MONTHS = 12;
const HOUR_MS = 3_600_000;
/** A schedule that names more times than this in a year is counted by its rate. */
const COUNTED_TIMES = 800;

/** The forms of a field that the Jobs API publishes: `1,15`, `1-5`, a step, `6`, `*`. */
const FIELD = String.raw`(?:(?:\d+,)+\d+|(?:\*|\d+)[/-]\d+|\d+|\*)`;
const CRON = new RegExp(`^(@(hourly|daily|weekly|monthly|yearly|annually)|${FIELD}( ${FIELD}){4})$`);

const cronSchema = z.string().trim().regex(CRON, {
  error: 'must be five cron fields, such as "0 6 * * 1", or @hourly, @daily, @weekly, @monthly, @yearly',
});

/** How often a schedule starts a run, UTC. */
export interface Repetition {
  readonly cron: string;
  readonly firstRunAt: string;
  /** Over a year, by the month. */
  readonly runsPerMonth: number;
}

/** What a schedule costs: each run, and all of them by the month. People approve it by its hash. */
export interface ScheduleQuote extends Repetition {
  readonly perRun: Quote;
  readonly usdPerMonth: Range;
  readonly hash: string;
}

/**
 * Reads a cron expression and counts its times.
 * @throws ModelOpsError `input/training-schedule`
 */
export function readRepetition(cron: string, nowMs: number): Repetition {
  const known = parseOrThrow(cronSchema, cron, {
    code: "input/training-schedule",
    subject: "The schedule's cron",
  });
  const times = timesOf(known, nowMs);
  const [first, second] = times;
  if (first === undefined) {
    throw refused(known, "It names no time within a year.", "name a day that comes, such as 0 6 1 * *.");
  }
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? time));
  if (second !== undefined && Math.min(...gaps) < HOUR_MS) {
    throw refused(
      known,
      "It would start runs less than an hour apart.",
      "leave at least an hour between them: a turn is left out while the one before it runs.",
    );
  }
  const last = times.at(-1) ?? first;
  const isWhole = times.length < COUNTED_TIMES;
  const perYear = isWhole ? times.length : ((times.length - 1) / (last - first)) * YEAR_MS;
  return {
    cron: known,
    firstRunAt: new Date(first).toISOString(),
    runsPerMonth: Number((perYear / MONTHS).toFixed(2)),
  };
}

/** Prices a run by the month. */
export function quoteSchedule(repetition: Repetition, perRun: Quote): ScheduleQuote {
  const { runsPerMonth } = repetition;
  const monthly = (usd: number) => Number((usd * runsPerMonth).toFixed(2));
  const usdPerMonth = {
    low: monthly(perRun.usd.low),
    likely: monthly(perRun.usd.likely),
    high: monthly(perRun.usd.high),
  };
  const hash = createHash("sha256").update(`${perRun.hash}\n${repetition.cron}`).digest("hex");
  return { ...repetition, perRun, usdPerMonth, hash: `sha256:${hash}` };
}

/** "about $2.31 ($1.39 to $4.16), 55 min (…) on …, 4.33 times a month (0 6 * * 1, UTC): about $10.00 a month ($6.02 to …)". */
export function formatScheduleQuote(quote: ScheduleQuote): string {
  const { perRun, usdPerMonth: usd, runsPerMonth, cron } = quote;
  const repeats = `${formatQuote(perRun)}, ${runsPerMonth} times a month (${cron}, UTC)`;
  if (usd.high === 0) return repeats;
  const dollars = (value: number) => `$${value.toFixed(2)}`;
  return `${repeats}: about ${dollars(usd.likely)} a month (${dollars(usd.low)} to ${dollars(usd.high)}), until it is paused or deleted`;
}

function timesOf(cron: string, nowMs: number): readonly number[] {
  let found: readonly Date[];
  try {
    found = new Cron(cron, { timezone: "UTC", mode: "5-part", paused: true }).nextRuns(
      COUNTED_TIMES,
      new Date(nowMs),
    );
  } catch (error) {
    throw refused(
      cron,
      error instanceof Error ? error.message.replace(/^\w+: /, "") : String(error),
      "correct the field it names.",
    );
  }
  return found.map((time) => time.getTime()).filter((time) => time - nowMs <= YEAR_MS);
}

function refused(cron: string, reason: string, fix: string): ModelOpsError {
  return new ModelOpsError({
    code: "input/training-schedule",
    message: `The schedule ${JSON.stringify(cron).slice(0, 80)} cannot be used.`,
    reason,
    fix,
  });
}
