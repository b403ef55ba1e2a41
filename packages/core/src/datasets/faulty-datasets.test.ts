import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CorpusDataset } from "../../test-support/dataset-forms.ts";
import { faultyDatasets } from "../../test-support/faulty-datasets.ts";
import { goodDatasets } from "../../test-support/good-datasets.ts";
import { checkDataset } from "./check-dataset.ts";
import { datasetReader } from "./dataset-reference.ts";
import { exportDataset } from "./export-dataset.ts";
import { fileSource } from "./sources/file-source.ts";

const SEED = 20261123;
const FAULTY = faultyDatasets(SEED);
const GOOD = goodDatasets(SEED);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "modelops-corpus-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function prepared(dataset: CorpusDataset) {
  const path = join(folder, `${dataset.name.replaceAll(/\W/g, "-")}.${dataset.ending}`);
  await writeFile(path, dataset.content);
  const reader = datasetReader([fileSource({ maxLineBytes: dataset.maxLineBytes })]);
  return { ref: `file:${path}`, options: { ...dataset.options, reader } };
}

describe("a dataset with one fault", () => {
  it("is one of at least sixty, no two alike", () => {
    expect(FAULTY.length).toBeGreaterThanOrEqual(60);
    expect(new Set(FAULTY.map(({ name }) => name)).size).toBe(FAULTY.length);
  });

  it.each(FAULTY)("is caught before it costs anything: $name ($code)", async (fault) => {
    const { ref, options } = await prepared(fault);
    const path = join(folder, "training.jsonl");
    if (fault.severity === "rejected") {
      await expect(checkDataset(ref, fault.method, options)).rejects.toMatchObject({ code: fault.code });
      return;
    }
    const check = await checkDataset(ref, fault.method, options);
    const finding = check.findings.find(({ code }) => code === fault.code);
    expect(finding, JSON.stringify(check.findings)).toMatchObject({ severity: fault.severity });
    expect(finding?.fix).not.toBe("");
    if (fault.line !== null) expect(finding?.examples.map(({ line }) => line)).toContain(fault.line);
    if (fault.severity === "warning") {
      expect(check.verdict).toBe("READY");
      return;
    }
    expect(check.verdict).not.toBe("READY");
    await expect(exportDataset(ref, fault.method, { ...options, path })).rejects.toMatchObject({
      code: "dataset/not-ready",
    });
    expect(existsSync(path)).toBe(false);
  });

  it("has a finding for its fault only", async () => {
    const others: string[] = [];
    for (const fault of FAULTY.filter(({ severity, line }) => severity === "warning" && line !== null)) {
      const { ref, options } = await prepared(fault);
      const { findings } = await checkDataset(ref, fault.method, options);
      for (const { code, count } of findings)
        if (code !== fault.code || count !== 1) others.push(`${fault.name}: ${count} × ${code}`);
    }
    expect(others).toEqual([]);
  });
});

describe("a good dataset", () => {
  it.each(GOOD)("raises no alarm: $name", async (dataset) => {
    const { ref, options } = await prepared(dataset);
    const check = await checkDataset(ref, dataset.method, options);
    expect(check.findings).toEqual([]);
    expect(check.verdict).toBe("READY");
  });
});
