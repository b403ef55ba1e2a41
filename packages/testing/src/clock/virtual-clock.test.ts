import { describe, expect, test } from "vitest";
import { VirtualClock } from "./virtual-clock.ts";

describe("VirtualClock", () => {
  test("stands still until it is advanced, then wakes sleepers in the order of their times", async () => {
    const clock = new VirtualClock({ startAtMs: 1000, autoAdvance: false });
    const woken: string[] = [];
    const late = clock.sleep(500).then(() => woken.push(`late at ${clock.now()}`));
    const early = clock.sleep(100).then(() => woken.push(`early at ${clock.now()}`));
    await clock.advance(50);
    expect(woken).toEqual([]);
    await clock.advance(1000);
    await Promise.all([late, early]);
    expect(woken).toEqual(["early at 1100", "late at 1500"]);
    expect(clock.now()).toBe(2050);
  });

  test("three hours of polling pass in well under a second of work", async () => {
    const clock = new VirtualClock({ startAtMs: 0 });
    let polls = 0;
    while (clock.now() < 3 * 3_600_000) {
      await clock.sleep(60_000);
      polls += 1;
    }
    expect(polls).toBe(180);
    expect(clock.now()).toBe(3 * 3_600_000);
  });

  test("does not jump while a request is being answered", async () => {
    const clock = new VirtualClock({ startAtMs: 0 });
    let release = () => {};
    const working = clock.during(
      () =>
        new Promise<void>((resolve) => {
          release = resolve;
        }),
    );
    let woken = false;
    const sleeping = clock.sleep(10).then(() => {
      woken = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(woken).toBe(false);
    release();
    await working;
    await sleeping;
    expect(clock.now()).toBe(10);
  });

  test("an aborted sleep rejects with the reason and is forgotten", async () => {
    const clock = new VirtualClock({ autoAdvance: false });
    const controller = new AbortController();
    const reason = new Error("enough");
    const sleeping = clock.sleep(1000, { signal: controller.signal });
    controller.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
    await expect(clock.sleep(1, { signal: controller.signal })).rejects.toBe(reason);
    expect(clock.sleeping).toBe(0);
    await expect(clock.sleep(Number.NaN)).rejects.toMatchObject({ code: "testing/invalid-duration" });
  });
});
