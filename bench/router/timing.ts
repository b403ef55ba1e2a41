const KEYS = Array.from(
  { length: 4096 },
  (_, index) => `session-${index}-${(index * 2654435761) % 1_000_000}`,
);
const ROUNDS = 5;

/** Microseconds. */
export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

/** A key of the 4,096 that take turns. */
export function keyAt(index: number): string {
  return KEYS[index & 4095] as string;
}

/** Nanoseconds per call, best of five rounds. */
export function nanosecondsPerCall(call: (key: string) => unknown, count: number): number {
  let best = Number.POSITIVE_INFINITY;
  let kept: unknown;
  for (let round = 0; round < ROUNDS; round += 1) {
    const startedAt = process.hrtime.bigint();
    for (let index = 0; index < count; index += 1) kept = call(keyAt(index));
    best = Math.min(best, Number(process.hrtime.bigint() - startedAt) / count);
  }
  if (kept === null) throw new Error("a decision is never null");
  return best;
}

/** Each call on its own. The clock itself costs about 0.05 µs of each. */
export function timesOfCalls(call: (key: string) => unknown, count: number): Percentiles {
  const times = new Float64Array(count);
  for (let index = 0; index < count; index += 1) {
    const key = keyAt(index);
    const startedAt = process.hrtime.bigint();
    call(key);
    times[index] = Number(process.hrtime.bigint() - startedAt) / 1000;
  }
  return percentilesOf(times);
}

/** The same calls by several ways in turn, so that a busy moment of the machine hits all of them. */
export async function timesInTurn<Name extends string>(
  ways: Readonly<Record<Name, () => Promise<unknown>>>,
  count: number,
): Promise<Readonly<Record<Name, Percentiles>>> {
  const entries = Object.entries<() => Promise<unknown>>(ways).map(
    ([name, call]) => [name, call, new Float64Array(count)] as const,
  );
  for (let index = 0; index < count; index += 1) {
    for (const [, call, times] of entries) {
      const startedAt = process.hrtime.bigint();
      await call();
      times[index] = Number(process.hrtime.bigint() - startedAt) / 1000;
    }
  }
  return Object.fromEntries(entries.map(([name, , times]) => [name, percentilesOf(times)])) as Record<
    Name,
    Percentiles
  >;
}

function percentilesOf(times: Float64Array): Percentiles {
  times.sort();
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}
