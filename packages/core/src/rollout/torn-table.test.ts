import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeFileAtomically } from "../files/atomic-write.ts";
import { buildRoutingTable, formatRoutingTable, parseRoutingTable } from "../model/routing-table.ts";

/** Reads a file without pause until its input ends; prints how often it read and how often what it read was no table. */
const READER = `
const { readFileSync } = require("fs");
let reads = 0, torn = 0, running = true;
process.stdin.on("end", () => { running = false; }).resume();
process.stdout.write("up\\n");
const loop = () => {
  for (let i = 0; i < 50; i += 1) {
    reads += 1;
    try { if (JSON.parse(readFileSync(process.argv[1], "utf8")).v !== 1) torn += 1; } catch { torn += 1; }
  }
  if (running) setImmediate(loop); else process.stdout.write(JSON.stringify({ reads, torn }));
};
loop();`;

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

const underReaders = async (rewrites: number, write: (text: string) => Promise<unknown>) => {
  await writeFile(file, table(1));
  const readers = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ["-e", READER, file], { stdio: ["pipe", "pipe", "inherit"] }),
  );
  const outputs = readers.map((reader) => {
    let output = "";
    reader.stdout.on("data", (data: Buffer) => {
      output += data.toString();
    });
    return { reader, text: () => output };
  });
  await Promise.all(readers.map((reader) => new Promise((resolve) => reader.stdout.once("data", resolve))));
  for (let generation = 2; generation < rewrites + 2; generation += 1) await write(table(generation));
  const results = await Promise.all(
    outputs.map(async ({ reader, text }) => {
      const ended = new Promise((resolve) => reader.once("close", resolve));
      reader.stdin.end();
      await ended;
      return JSON.parse(text().slice("up\n".length)) as { reads: number; torn: number };
    }),
  );
  return {
    reads: results.reduce((sum, result) => sum + result.reads, 0),
    torn: results.reduce((sum, result) => sum + result.torn, 0),
  };
};

/** The fault suite writes more often. */
const REWRITES = process.env.MODELOPS_FAULTS ? 1000 : 150;

describe("the routing table under four busy readers", () => {
  it(`is never seen torn in ${REWRITES} rewrites`, { timeout: 120_000 }, async () => {
    const { reads, torn } = await underReaders(REWRITES, (text) => writeFileAtomically(file, text));
    expect(torn).toBe(0);
    expect(reads).toBeGreaterThan(REWRITES);
  });

  it("would be, were it written in place: the readers can see a tear", async () => {
    const { torn } = await underReaders(300, (text) => writeFile(file, text));
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
