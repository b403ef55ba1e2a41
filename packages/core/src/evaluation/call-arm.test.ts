import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { RunningCalls } from "./call-arm.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = () => new Promise<never>(() => undefined);
const outcome = (call: Promise<unknown>) =>
  call.then(
    () => "answered",
    (error) => error.code ?? error.message,
  );

test("each call has its own time, though one timer watches them all", async () => {
  const calls = new RunningCalls(100);
  const ended: string[] = [];
  const note = (name: string, call: Promise<unknown>) =>
    void outcome(call).then((text) =>
      ended.push(`${name} ${text} ${Math.round(performance.now() - startMs)}`),
    );
  const startMs = performance.now();
  note("first", calls.run(never));
  await vi.advanceTimersByTimeAsync(30);
  note(
    "quick",
    calls.run(async () => "answer"),
  );
  note("second", calls.run(never));
  await vi.advanceTimersByTimeAsync(500);
  expect(ended).toEqual([
    "quick answered 30",
    "first evaluation/example-timeout 100",
    "second evaluation/example-timeout 130",
  ]);
  note("third", calls.run(never));
  await vi.advanceTimersByTimeAsync(100);
  expect(ended.at(-1)).toBe("third evaluation/example-timeout 630");
  expect(vi.getTimerCount()).toBe(0);
});

test("a late call sees its signal aborted, an answered one does not", async () => {
  const calls = new RunningCalls(100);
  const signals: AbortSignal[] = [];
  const answered = calls.run(async (signal) => void signals.push(signal));
  const late = outcome(
    calls.run((signal) => {
      signals.push(signal);
      return never();
    }),
  );
  await answered;
  await vi.advanceTimersByTimeAsync(100);
  expect(await late).toBe("evaluation/example-timeout");
  expect(signals.map((signal) => signal.aborted)).toEqual([false, true]);
});

test("an abort ends all that run and all that would start, and leaves no timer", async () => {
  const calls = new RunningCalls(100);
  const running = [calls.run(never), calls.run(never), calls.run(never)].map(outcome);
  calls.abortAll(new Error("stop"));
  running.push(outcome(calls.run(never)));
  expect(await Promise.all(running)).toEqual(["stop", "stop", "stop", "stop"]);
  calls.close();
  expect(vi.getTimerCount()).toBe(0);
});
