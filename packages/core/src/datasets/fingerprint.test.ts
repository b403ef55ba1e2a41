import canonicalize from "canonicalize";
import { describe, expect, it } from "vitest";
import { ByteBatch } from "./byte-batch.ts";
import { canonicalJson } from "./canonical-row.ts";
import { CanonicalRows } from "./canonical-rows.ts";
import { canonicalRow, RowFingerprint } from "./fingerprint.ts";
import { RowHash } from "./row-hash.ts";
import { hashText, SeenHashes } from "./seen-hashes.ts";

const rowHash = new RowHash();
const hashRow = (text: string) => rowHash.of(text);

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

describe("CanonicalRows", () => {
  it("writes the same as the slow way, whatever row comes after which", () => {
    const rows = [
      { b: 1, a: "x" },
      { a: "x", b: 1 },
      { b: [1, { d: 1, c: 2 }], a: null },
      { b: true, a: -0.5, c: "ü\u2028" },
      { b: undefined, a: "x" },
      { "10": 1, "9": 2 },
      JSON.parse('{"b":1,"__proto__":{"y":1},"a":2}'),
      { b: 1, a: "x" },
      {},
    ] as Record<string, unknown>[];
    const canonical = new CanonicalRows();
    for (const row of [...rows, ...rows.toReversed()]) expect(canonical.of(row)).toBe(canonicalize(row));
    expect(() => canonical.of({ b: 1, a: "\ud800" })).toThrow();
    expect(canonical.of({ b: 1, a: "x" })).toBe('{"a":"x","b":1}');
  });
});

describe("ByteBatch", () => {
  it("keeps every byte, also of lines larger than itself", () => {
    const batch = new ByteBatch(64);
    const lines = ["€".repeat(24), "a", "ü".repeat(100), "\u{1f600}", "x".repeat(20_000), "", "b"];
    const parts: Buffer[] = [];
    for (const line of lines) {
      if (!batch.isEmpty && !batch.fits(line)) parts.push(Buffer.from(batch.take()));
      batch.addLine(line);
    }
    parts.push(Buffer.from(batch.take()));
    expect(Buffer.concat(parts).toString()).toBe(lines.map((line) => `${line}\n`).join(""));
    expect(batch.isEmpty).toBe(true);
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
  it.each([hashText, hashRow])("tells new from seen over many growths (%o)", (hash) => {
    const seen = new SeenHashes();
    const texts = Array.from({ length: 200_000 }, (_, index) => `text ${index}`);
    expect(texts.filter((text) => seen.add(hash(text)))).toHaveLength(200_000);
    expect(texts.filter((text) => seen.add(hash(text)))).toHaveLength(0);
  });

  it("tells texts apart that differ in any one place, and by their length", () => {
    const seen = new SeenHashes();
    const text = "abcdefghijklmnopqrstuvwxyz0123456789äöü";
    expect(seen.add(hashRow(text))).toBe(true);
    for (let at = 0; at < text.length; at += 1)
      expect(seen.add(hashRow(`${text.slice(0, at)}#${text.slice(at + 1)}`))).toBe(true);
    expect(seen.add(hashRow(`${text}\0`))).toBe(true);
    expect(seen.add(hashRow(text.slice(1)))).toBe(true);
    const long = text.repeat(1000);
    expect(seen.add(hashRow(long))).toBe(true);
    expect(seen.add(hashRow(`${long.slice(0, -1)}u`))).toBe(true);
    expect(seen.add(hashRow(text))).toBe(false);
  });
});
