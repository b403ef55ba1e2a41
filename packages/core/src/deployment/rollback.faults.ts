import { expect, it } from "vitest";
import { quantile, type Rehearsal, startRehearsal } from "../../test-support/rollback-rehearsal.ts";

const RUNS = Number(process.env.ROLLBACK_RUNS ?? 200);
const BREACHES = 5;
const HOSTS = 4;
const LIMIT_MS = 2000;

const show = (name: string, times: readonly number[], unit = "ms") => {
  const at = (share: number) => `${quantile(times, share).toFixed(0)} ${unit}`;
  console.log(`${name.padEnd(34)} p50 ${at(0.5)}, p99 ${at(0.99)}, worst ${at(1)}`);
};

const rehearse = async (act: (rehearsal: Rehearsal) => Promise<void>) => {
  const rehearsal = await startRehearsal({ processes: HOSTS });
  const outcome = await act(rehearsal).catch((error: Error) => error);
  const breaches = await rehearsal.end();
  if (outcome instanceof Error) throw outcome;
  return breaches;
};

it(`${RUNS} rollbacks under ${HOSTS} host processes that answer sessions: each is proven, 99 of 100 in 2 s`, async () => {
  const times = {
    published: [] as number[],
    acknowledged: [] as number[],
    lastRequest: [] as number[],
    total: [] as number[],
  };
  await rehearse(async (rehearsal) => {
    for (let run = 0; run < RUNS; run += 1) {
      const verification = await rehearsal.rollback();
      expect(verification.missing, `run ${run}`).toEqual([]);
      expect(verification.routers).toHaveLength(HOSTS);
      times.published.push(verification.tablePublishedMs);
      times.acknowledged.push(verification.routersAcknowledgedMs ?? Number.NaN);
      times.lastRequest.push(verification.lastRequestEndedMs ?? Number.NaN);
      times.total.push(verification.totalMs);
    }
  });
  for (const [name, values] of Object.entries(times)) show(name, values);
  expect(quantile(times.total, 0.99)).toBeLessThanOrEqual(LIMIT_MS);
});

it("a canary that begins to give errors under load is taken back, and no session goes unanswered", async () => {
  const breaches = await rehearse(async (rehearsal) => {
    for (let run = 0; run < BREACHES; run += 1) await rehearsal.breach();
  });
  show(
    "breach to last bad request",
    breaches.map(({ lastBadRequestMs }) => lastBadRequestMs),
  );
  show(
    "breach to verified rollback",
    breaches.map(({ rolledBackMs }) => rolledBackMs),
  );
  show(
    "bad requests per breach",
    breaches.map(({ badRequests }) => badRequests),
    "requests",
  );
  for (const { badRequests, lastBadRequestMs, rolledBackMs } of breaches) {
    expect(badRequests).toBeGreaterThan(0);
    expect(lastBadRequestMs).toBeLessThanOrEqual(rolledBackMs);
  }
});
