import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { underReaders } from "../../test-support/torn-readers.ts";
import { writeFileAtomically } from "../files/atomic-write.ts";
import { buildRoutingTable, formatRoutingTable, parseRoutingTable } from "../model/routing-table.ts";

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "modelops-torn-"));
  file = join(folder, "routing.json");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const table = (generation: number) => {
  const arm = { targetId: "t", configValue: "c", baseUrl: null, modelId: "m" };
  return formatRoutingTable(
    buildRoutingTable({
      feature_dev: {
        generation,
        fence: generation,
        rolloutId: "r",
        caps: { latencyMs: null, costUsd: null },
        arms: [
          { ...arm, name: "baseline", version: "v1", deploymentId: "d1", share: 100 - (generation % 100) },
          { ...arm, name: "canary", version: "v2", deploymentId: "d2", share: generation % 100 },
        ],
      },
    }),
  );
};

const rewrite = async (rewrites: number, write: (text: string) => Promise<unknown>) => {
  await writeFile(file, table(1));
  return underReaders(file, async () => {
    for (let generation = 2; generation < rewrites + 2; generation += 1) await write(table(generation));
  });
};

describe("the routing table under four busy readers", () => {
  it("is never seen torn", async () => {
    const { reads, torn } = await rewrite(150, (text) => writeFileAtomically(file, text));
    expect(torn).toBe(0);
    expect(reads).toBeGreaterThan(150);
  });

  it("would be, were it written in place: the readers can see a tear", async () => {
    const { torn } = await rewrite(300, (text) => writeFile(file, text));
    expect(torn).toBeGreaterThan(0);
  });
});

describe("parseRoutingTable", () => {
  it("refuses what was changed by hand, cut off, or does not add up", () => {
    const text = table(20);
    expect(parseRoutingTable(text).generation).toBe(20);
    for (const damaged of [
      text.slice(0, -20),
      text.replace('"share": 20', '"share": 30'),
      text.replace('"version": "v2"', '"version": "v3"'),
      text.replace('"generation": 20,\n  "sha256"', '"generation": 21,\n  "sha256"'),
    ]) {
      expect(damaged).not.toBe(text);
      expect(() => parseRoutingTable(damaged)).toThrowError(/routing table/);
    }
    const arms = [{ ...JSON.parse(text).agents.feature_dev.arms[0], share: 90 }];
    const routing = { ...JSON.parse(text).agents.feature_dev, arms };
    expect(() => buildRoutingTable({ feature_dev: routing })).toThrowError(/sum to 90, not 100/);
  });

  it("is a pure function: the order of agents does not matter", () => {
    const { feature_dev: routing } = parseRoutingTable(table(5)).agents;
    if (!routing) throw new Error("the table lost its agent");
    const left = buildRoutingTable({ a: routing, b: { ...routing, generation: 7 } });
    const right = buildRoutingTable({ b: { ...routing, generation: 7 }, a: routing });
    expect(formatRoutingTable(left)).toBe(formatRoutingTable(right));
    expect(left.generation).toBe(12);
  });
});
