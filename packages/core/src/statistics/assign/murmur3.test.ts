import { describe, expect, it } from "vitest";
import { chiSquareUpperTail } from "../distributions/chi-square.ts";
import { createRandom } from "../random.ts";
import { bucketOf, murmurHash3 } from "./murmur3.ts";

/** The same hash over bytes made by TextEncoder. */
function referenceHash(text: string): number {
  const bytes = new TextEncoder().encode(text);
  let hash = 0;
  const scramble = (block: number): number => {
    const mixed = Math.imul(block, 0xcc9e2d51);
    return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
  };
  const at = (index: number): number => bytes[index] ?? 0;
  const whole = bytes.length - (bytes.length % 4);
  for (let index = 0; index < whole; index += 4) {
    hash ^= scramble(at(index) | (at(index + 1) << 8) | (at(index + 2) << 16) | (at(index + 3) << 24));
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  if (whole < bytes.length) hash ^= scramble(at(whole) | (at(whole + 1) << 8) | (at(whole + 2) << 16));
  hash ^= bytes.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

describe("murmurHash3", () => {
  it.each([
    ["", 0x00000000],
    ["a", 0x3c2569b2],
    ["hello", 0x248bfa47],
    ["rollout-42:user-1", 0x641de5c5],
    ["rollout-42:user-2", 0x33988a7e],
    ["rollout-42:sess-ü", 0xafe3fac0],
    ["rollout-42:日本", 0xb049da83],
  ])("of %j", (text, expected) => expect(murmurHash3(text)).toBe(expected));

  it("hashes the bytes TextEncoder makes, surrogate pairs and lone surrogates included", () => {
    const special = [
      "😀",
      "\ud83d",
      "\ude00",
      "\ude00\ud83d",
      "a\ud83d",
      "\ud83da",
      "abcd\ud83d\ud83d\ude00",
      "\u07ff\u0800\uffff",
    ];
    for (const text of special) expect(murmurHash3(text), JSON.stringify(text)).toBe(referenceHash(text));
    const random = createRandom(8);
    const ranges = [0x80, 0x800, 0x10000];
    for (let round = 0; round < 5000; round += 1) {
      const length = random.integer(12);
      let text = "";
      for (let index = 0; index < length; index += 1) {
        text += String.fromCharCode(random.integer(ranges[random.integer(3)] ?? 1));
      }
      expect(murmurHash3(text)).toBe(referenceHash(text));
    }
  });
});

describe("bucketOf", () => {
  it.each([
    ["user-1", 3910],
    ["user-2", 2015],
    ["sess-ü", 6870],
    ["日本", 6886],
  ])("puts %s of rollout-42 into bucket %d", (key, bucket) =>
    expect(bucketOf("rollout-42", key)).toBe(bucket),
  );

  it("sends the published numbers of 100,000 users to the canary, and nobody leaves on the way up", () => {
    const counts = { twenty: 0, fifty: 0, firstTwenty: 0, firstFifty: 0 };
    for (let user = 0; user < 100_000; user += 1) {
      const bucket = bucketOf("rollout-42", `user-${user}`);
      if (bucket < 2000) counts.twenty += 1;
      if (bucket < 5000) counts.fifty += 1;
      if (user < 10_000 && bucket < 2000) counts.firstTwenty += 1;
      if (user < 10_000 && bucket < 5000) counts.firstFifty += 1;
    }
    expect(counts).toEqual({ twenty: 20_054, fifty: 50_196, firstTwenty: 2039, firstFifty: 5108 });
  });

  it("divides evenly under 300 salts and independently between salts", () => {
    let small = 0;
    for (let salt = 0; salt < 300; salt += 1) {
      let canary = 0;
      for (let user = 0; user < 2000; user += 1) if (bucketOf(`salt-${salt}`, `u${user}`) < 2000) canary += 1;
      const statistic = (canary - 400) ** 2 / 400 + (canary - 400) ** 2 / 1600;
      if (chiSquareUpperTail(statistic, 1) < 0.05) small += 1;
    }
    expect(small / 300).toBeGreaterThan(0.02);
    expect(small / 300).toBeLessThan(0.09);
    const cells = new Array<number>(25).fill(0);
    for (let user = 0; user < 25_000; user += 1) {
      const cell =
        Math.floor(bucketOf("a", `u${user}`) / 2000) * 5 + Math.floor(bucketOf("b", `u${user}`) / 2000);
      cells[cell] = (cells[cell] ?? 0) + 1;
    }
    const chiSquare = cells.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(chiSquareUpperTail(chiSquare, 24)).toBeGreaterThan(0.001);
  });

  it("refuses a missing key instead of hashing 'undefined'", () => {
    expect(() => bucketOf("rollout-42", "")).toThrow(/session key is needed/);
    expect(() => bucketOf("rollout-42", undefined as unknown as string)).toThrow(/session key is needed/);
  });
});
