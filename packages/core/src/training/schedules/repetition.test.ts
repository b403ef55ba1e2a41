import { expect, test } from "vitest";
import { makeQuote } from "../../cost/quote.ts";
import { formatScheduleQuote, quoteSchedule, readRepetition } from "./repetition.ts";

const MONDAY = Date.UTC(2026, 10, 23, 10);

test.each([
  ["@weekly", "2026-11-29T00:00:00.000Z", 52 / 12],
  ["0 6 * * 1", "2026-11-30T06:00:00.000Z", 52 / 12],
  ["@monthly", "2026-12-01T00:00:00.000Z", 1],
  ["@annually", "2027-01-01T00:00:00.000Z", 1 / 12],
  ["@daily", "2026-11-24T00:00:00.000Z", 365 / 12],
  ["0 6 1,15 * *", "2026-12-01T06:00:00.000Z", 2],
  ["30 22 * * 1-5", "2026-11-23T22:30:00.000Z", 261 / 12],
  ["@hourly", "2026-11-23T11:00:00.000Z", 8760 / 12],
  ["0 */6 * * *", "2026-11-23T12:00:00.000Z", (4 * 365) / 12],
  ["0 0 29 2 *", null, null],
])("%s is counted by the month", (cron, firstRunAt, runsPerMonth) => {
  if (firstRunAt === null) {
    expect(() => readRepetition(cron, MONDAY)).toThrow(/no time within a year/);
    return;
  }
  const repetition = readRepetition(cron, MONDAY);
  expect(repetition.firstRunAt).toBe(firstRunAt);
  expect(repetition.runsPerMonth).toBeCloseTo(runsPerMonth ?? 0, 1);
});

test.each([
  ["", /must be five cron fields/],
  ["every monday", /must be five cron fields/],
  ["0 6 * * MON", /must be five cron fields/],
  ["0 0 6 * * 1", /must be five cron fields/],
  ["@reboot", /must be five cron fields/],
  ["0 6 * * 1-5/2", /must be five cron fields/],
  ["61 6 * * *", /minute/],
  ["0 6 31 2 *", /no time within a year/],
  ["*/30 * * * *", /less than an hour apart/],
  ["0,5 3 * * 0", /less than an hour apart/],
  [null as unknown as string, /schedule's cron/],
])("%s is refused with a reason", (cron, reason) => {
  expect(() => readRepetition(cron, MONDAY)).toThrow(
    expect.objectContaining({ code: "input/training-schedule", message: expect.stringMatching(reason) }),
  );
});

test("the price of a month is the price of its runs, and changes the hash with the times", () => {
  const quote = makeQuote({
    hardware: {
      id: "a10g-large",
      title: "A10G",
      accelerator: null,
      cpuCores: 8,
      memoryGiB: 32,
      diskGiB: 100,
      costUsdPerHour: 1.5,
      priceSource: { kind: "live" },
    },
    seconds: 3600,
    correction: null,
    basis: [],
    subject: {},
  });
  const weekly = quoteSchedule(readRepetition("@weekly", MONDAY), quote);
  expect(weekly.usdPerMonth.likely).toBeCloseTo((1.5 * 52) / 12, 1);
  expect(formatScheduleQuote(weekly)).toBe(
    "about $1.50 ($0.90 to $2.70), 1 h 0 min (36 min 0 s to 1 h 48 min) on A10G, 4.33 times a month (@weekly, UTC): about $6.50 a month ($3.90 to $11.69), until it is paused or deleted",
  );
  expect(quoteSchedule(readRepetition("@daily", MONDAY), quote).hash).not.toBe(weekly.hash);
});
