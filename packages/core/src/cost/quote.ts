import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import type { HardwareOffer } from "../contract/training-backend.ts";
import { formatDuration } from "../time/duration.ts";

/** Low, likely and high. */
export interface Range {
  readonly low: number;
  readonly likely: number;
  readonly high: number;
}

/** What a run is expected to cost and take, and what that rests on. People approve a quote by its hash. */
export interface Quote {
  readonly usd: Range;
  readonly minutes: Range;
  readonly hardwareId: string;
  readonly hardwareTitle: string;
  readonly costUsdPerHour: number;
  readonly priceSource: HardwareOffer["priceSource"];
  /** In sentences, for people. */
  readonly basis: readonly string[];
  /** `sha256:…` over everything that decides the run and its price. */
  readonly hash: string;
}

/** A single run may be this much faster or slower than the model of its time says. */
const PRIOR_SPREAD = { low: 0.6, high: 1.8 };
const PER_FINISHED_JOB = 0.5;

/** How finished jobs of this installation compared with their quotes: actual ÷ estimated minutes. */
export interface Correction {
  readonly factor: number;
  readonly jobs: number;
}

/** The median of what finished jobs took against their quotes; null without any. */
export function correctionFrom(ratios: readonly number[]): Correction | null {
  const sorted = ratios
    .filter((ratio) => Number.isFinite(ratio) && ratio > 0)
    .sort((one, other) => one - other);
  const [lower, upper] = [
    sorted[Math.floor((sorted.length - 1) / 2)],
    sorted[Math.ceil((sorted.length - 1) / 2)],
  ];
  if (lower === undefined || upper === undefined) return null;
  return { factor: Math.sqrt(lower * upper), jobs: sorted.length };
}

/** Builds the quote of a run on a machine. `subject` is everything else that the approval shall be bound to. */
export function makeQuote(options: {
  readonly hardware: HardwareOffer;
  readonly seconds: number;
  readonly correction: Correction | null;
  readonly basis: readonly string[];
  readonly subject: Readonly<Record<string, unknown>>;
}): Quote {
  const { hardware, correction } = options;
  const likely = (options.seconds * (correction?.factor ?? 1)) / 60;
  // Experience narrows the band towards ±20 %.
  const trust = correction ? 1 - PER_FINISHED_JOB ** correction.jobs : 0;
  const minutes = {
    low: round(likely * (PRIOR_SPREAD.low + trust * (0.8 - PRIOR_SPREAD.low)), 2),
    likely: round(likely, 2),
    high: round(likely * (PRIOR_SPREAD.high - trust * (PRIOR_SPREAD.high - 1.2)), 2),
  };
  const price = (value: number) => round((Math.ceil(value) / 60) * hardware.costUsdPerHour, 4);
  const usd = { low: price(minutes.low), likely: price(minutes.likely), high: price(minutes.high) };
  const basis = [
    ...options.basis,
    ...(correction
      ? [
          `corrected by ×${correction.factor.toFixed(2)}: ${correction.jobs} finished job${correction.jobs > 1 ? "s" : ""} on this hardware`,
        ]
      : []),
    priceBasis(hardware),
  ];
  const body = {
    usd,
    minutes,
    hardwareId: hardware.id,
    hardwareTitle: hardware.title,
    costUsdPerHour: hardware.costUsdPerHour,
    priceSource: hardware.priceSource,
    basis,
  };
  const hash = createHash("sha256")
    .update(canonicalize({ ...body, subject: options.subject }) ?? "")
    .digest("hex");
  return { ...body, hash: `sha256:${hash}` };
}

/** Quotes of a trial run and of the real one. Null = there is no trial. */
export interface QuotePair {
  readonly demo: { readonly quote: Quote } | null;
  readonly production: { readonly quote: Quote };
}

/**
 * One quote: "about $2.31 ($1.39 to $4.16), 55 min (33 min to 1 h 39 min) on …". Trial and real run, as `planBoth` gives
 * them: "Demo $0.51, 12 min | production $2.31, 55 min".
 */
export function formatQuote(quote: Quote | QuotePair): string {
  return "production" in quote ? formatPair(quote) : formatOne(quote);
}

function formatPair({ demo, production }: QuotePair): string {
  const short = ({ quote }: { readonly quote: Quote }) =>
    `${quote.usd.high === 0 ? "free" : `$${quote.usd.likely.toFixed(2)}`}, ${Math.max(1, Math.round(quote.minutes.likely))} min`;
  return demo === null
    ? `Production ${short(production)}`
    : `Demo ${short(demo)} | production ${short(production)}`;
}

function formatOne(quote: Quote): string {
  const time = (minutes: number) => formatDuration(minutes * 60_000);
  const minutes = `${time(quote.minutes.likely)} (${time(quote.minutes.low)} to ${time(quote.minutes.high)})`;
  if (quote.usd.high === 0) return `free, about ${minutes} on ${quote.hardwareTitle}`;
  const dollars = (usd: number) => `$${usd.toFixed(2)}`;
  return `about ${dollars(quote.usd.likely)} (${dollars(quote.usd.low)} to ${dollars(quote.usd.high)}), ${minutes} on ${quote.hardwareTitle}`;
}

/** How long to let a run go on: half as long again as the estimate, and 20 minutes for a slow start. */
export function timeoutFor(quote: Quote): number {
  return Math.ceil((1.5 * quote.minutes.likely + 20) * 60_000);
}

function priceBasis(hardware: HardwareOffer): string {
  if (hardware.priceSource.kind === "free") return "this machine: no charge";
  const price = `$${hardware.costUsdPerHour.toFixed(2)} per hour`;
  return hardware.priceSource.kind === "live"
    ? `${price}, read from the service just now`
    : `${price} as of ${hardware.priceSource.date}; the live price could not be read`;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
