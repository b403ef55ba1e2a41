import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readReport } from "@modelops/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { evaluateOffline } from "./evaluate-offline.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "evaluate-offline-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("compares two models offline, asks for no answer twice that had arrived, and writes its reports", async () => {
  const { report, files, calls, passed } = await evaluateOffline(folder);
  expect(report.recommendation).toBe("deploy");
  expect(passed).toBe(true);
  // What was on its way when the evaluation was interrupted is lost: at most one call per place of the concurrency.
  const { resumed } = report.coverage.candidate;
  expect(resumed).toBeGreaterThanOrEqual(20);
  expect(calls.candidate).toBeLessThanOrEqual(160 + 8);
  expect(calls.baseline).toBeLessThanOrEqual(160 + 8);
  expect(report.cost.candidate.known).toBe(160);
  expect(report.cost.metricsUsd).toBeGreaterThan(0);

  expect(readReport(await readFile(files.json, "utf8"))).toEqual(JSON.parse(JSON.stringify(report)));
  expect(await readFile(files.markdown, "utf8")).toContain("| **overall** |");
  expect(await readFile(files.html, "utf8")).toContain("<!doctype html>");
  expect(await readFile(files.junit, "utf8")).toContain('failures="0"');
});
