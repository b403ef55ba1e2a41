import type { Range } from "./quote.ts";

/** A measured rate still varies; the band of a quote that rests on many finished jobs. */
const MEASURED_SPREAD = { low: 0.8, high: 1.2 };

/** What a running job is heading for. */
export interface Projection {
  readonly minutes: Range;
  readonly usd: Range;
  /** `quote` until the rate has been measured, `measured` from then on. */
  readonly basis: "quote" | "measured";
}

/**
 * Where a job stands against its quote: the quote itself, until enough steps were logged for an estimate of the time to
 * go (20, fewer when the run is short); then what has passed and what the measured rate says of the rest.
 */
export function projectCost(job: {
  readonly quotedMinutes: Range;
  readonly costUsdPerHour: number;
  readonly elapsedMinutes: number;
  /** Null while the rate cannot be known. */
  readonly etaMinutes: number | null;
}): Projection {
  const { quotedMinutes, elapsedMinutes, etaMinutes } = job;
  const minutes =
    etaMinutes === null
      ? quotedMinutes
      : {
          low: elapsedMinutes + MEASURED_SPREAD.low * etaMinutes,
          likely: elapsedMinutes + etaMinutes,
          high: elapsedMinutes + MEASURED_SPREAD.high * etaMinutes,
        };
  // A started minute is billed as a whole one.
  const price = (value: number) => (Math.ceil(value) / 60) * job.costUsdPerHour;
  const basis = etaMinutes === null ? "quote" : "measured";
  return {
    minutes,
    usd: { low: price(minutes.low), likely: price(minutes.likely), high: price(minutes.high) },
    basis,
  };
}
