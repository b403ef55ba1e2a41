import canonicalize from "canonicalize";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "./canonical-row.ts";
import { canonicalRow, RowFingerprint } from "./fingerprint.ts";
import { hashText, SeenHashes } from "./seen-hashes.ts";

describe("canonicalJson", () => {
  it.each([
    { a: 1, b: "x" },
    { b: 1, a: { d: [1, { z: 1, y: 2 }], c: null } },
    { "10": 1, "9": 2, a: 3 },
    { é: 1, z: 2, "\u{1f600}": 3, "\ufb33": 4 },
    { a: 1e21, b: -0, c: 0.1, d: 1e-7, e: true },
    { t: '\u2028\u0007"\\/\u{1f600}' },
    JSON.parse('{"b":1,"__proto__":{"y":1,"x":2},"a":2}'),
    { list: [[2, 1], [], [{}]] },
    {},
  ])("writes what RFC 8785 says for %j", (value) => {
    expect(canonicalJson(value)).toBe(canonicalize(value));
  });

  it.each([{ a: Number.NaN }, { a: "\ud800" }, { a: 1n }])("refuses what JSON cannot hold", (value) => {
    expect(() => canonicalRow(value)).toThrow(expect.objectContaining({ code: "dataset/not-json" }));
  });
});

describe("RowFingerprint", () => {
  it("does not depend on how many rows are hashed at a time, but on their order and borders", () => {
    const rows = Array.from({ length: 5000 }, (_, index) => ({ text: `row ${index}` }));
    const print = (list: readonly Record<string, unknown>[]) => {
      const fingerprint = new RowFingerprint();
      for (const row of list) fingerprint.add(row);
      return fingerprint.digest();
    };
    expect(print(rows)).toBe(print([...rows]));
    expect(print(rows)).not.toBe(print(rows.toReversed()));
    expect(print([{ a: "x" }, { a: "y" }])).not.toBe(print([{ a: "x" }]));
  });
});

describe("SeenHashes", () => {
  it("tells new from seen over many growths", () => {
    const seen = new SeenHashes();
    const texts = Array.from({ length: 20_000 }, (_, index) => `text ${index}`);
    expect(texts.filter((text) => seen.add(hashText(text)))).toHaveLength(20_000);
    expect(texts.filter((text) => seen.add(hashText(text)))).toHaveLength(0);
  });
});
