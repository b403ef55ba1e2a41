import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { ModelVersion } from "@modelops/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type DemoArguments, readArguments } from "./arguments.ts";
import { createDisplay } from "./display.ts";
import { type QuickstartSummary, runQuickstart } from "./quickstart.ts";

const SNIPS = resolve(fileURLToPath(new URL("../../../shared/data/snips", import.meta.url)));

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "modelops-quickstart-"));
});

afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

const run = async (args: readonly string[]): Promise<QuickstartSummary> => {
  const given: DemoArguments = readArguments([...args, "--home", home]);
  const summary = await runQuickstart(
    given,
    createDisplay({ stream: process.stdout }),
    new AbortController().signal,
  );
  console.log("exact match", summary.exactMatch, "base skill", summary.baseSkill, "ms", summary.wallTimeMs);
  return summary;
};

/** What must hold whatever was trained. */
function expectProvenRollout(summary: QuickstartSummary): void {
  const { rollout } = summary;
  expect(rollout?.stages.map((stage) => stage.sharePct)).toEqual([20, 50, 100]);
  const [first, , last] = rollout?.stages ?? [];
  expect(Object.keys(first?.versions ?? {}).sort()).toEqual(["v1.0.0", summary.version]);
  expect(Object.keys(last?.versions ?? {})).toEqual([summary.version]);
  expect(rollout?.sessionsMovedBack).toBe(0);
  expect(rollout?.configLinesChanged).toBe(1);
  expect(rollout?.rollback).toMatchObject({ complete: true, missing: [], configRestored: true });
  expect(rollout?.rollback.totalMs).toBeLessThan(60_000);
}

describe("the loop with real training", () => {
  test("the example: a LoRA adapter learns held-out tool calls and keeps the base's skills", async () => {
    const summary = await run(["--fresh"]);
    expectProvenRollout(summary);
    expect(summary.heldOutRows).toBeGreaterThanOrEqual(100);
    expect(summary.exactMatch.before).toBeLessThan(0.1);
    expect(summary.exactMatch.after).toBeGreaterThanOrEqual(0.85);
    expect(summary.baseSkill?.after).toBeGreaterThanOrEqual(0.85);
    expect(["deploy", "deploy_canary"]).toContain(summary.recommendation);

    const registry = JSON.parse(readFileSync(summary.files.registry ?? "", "utf8")) as {
      agents: { feature_dev: { current: { version: string }; history: Pick<ModelVersion, "version">[] } };
    };
    expect(registry.agents.feature_dev.current.version).toBe("v1.0.0");
    expect(registry.agents.feature_dev.history.map((entry) => entry.version)).toContain(summary.version);
    expect(readFileSync(summary.files.report ?? "", "utf8")).toContain("<!doctype html>");
  });

  test.skipIf(!existsSync(SNIPS))(
    `people's own sentences: a full fine-tune learns their intents${existsSync(SNIPS) ? "" : " (skipped: ../shared/data/snips is absent)"}`,
    async () => {
      const summary = await run([
        "--dataset",
        join(SNIPS, "train.jsonl"),
        "--evaluation",
        join(SNIPS, "test.jsonl"),
        "--prompt",
        "{{text}}",
        "--completion",
        '{"tool":"{{intent}}"}',
        "--steps",
        "700",
      ]);
      expectProvenRollout(summary);
      expect(summary.heldOutRows).toBe(700);
      expect(summary.exactMatch.after).toBeGreaterThanOrEqual(0.85);
    },
  );
});
