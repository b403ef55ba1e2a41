import { expect, test } from "vitest";
import { AdaptiveLimit } from "./adaptive-limit.ts";

test("lets no more in than the limit, in the order they came", async () => {
  const limit = new AdaptiveLimit(2);
  const entered: number[] = [];
  const tasks = [1, 2, 3, 4].map(async (task) => {
    await limit.acquire();
    entered.push(task);
  });
  await Promise.resolve();
  expect(entered).toEqual([1, 2]);
  limit.release();
  limit.release();
  await Promise.all(tasks);
  expect(entered).toEqual([1, 2, 3, 4]);
  expect(limit.running).toBe(2);
});

test("halves once per round of complaints and grows back by one per round of successes", () => {
  const limit = new AdaptiveLimit(8);
  for (let index = 0; index < 8; index += 1) limit.acquire();
  for (let index = 0; index < 8; index += 1) limit.release({ wasRateLimited: true });
  expect(limit.limit).toBe(4);
  for (let index = 0; index < 4; index += 1) {
    limit.acquire();
    limit.release();
  }
  expect(limit.limit).toBe(4);
  for (let index = 0; index < 2; index += 1) {
    limit.acquire();
    limit.release();
  }
  expect(limit.limit).toBe(5);
  for (let index = 0; index < 100; index += 1) {
    limit.acquire();
    limit.release();
  }
  expect(limit.limit).toBe(8);
});

test("never goes below one", () => {
  const limit = new AdaptiveLimit(2);
  for (let round = 0; round < 5; round += 1) {
    limit.acquire();
    limit.release({ wasRateLimited: true });
  }
  expect(limit.limit).toBe(1);
});
