import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Approvals, memoryStore, Trainer } from "@modelops/core";
import { expect, test } from "vitest";
import { VirtualClock } from "../clock/virtual-clock.ts";
import { startHubTwin } from "../hub/start-hub-twin.ts";
import { backendOf } from "./__fixtures__/training-run.ts";
import { scriptedTraining } from "./scripted-training.ts";

test("the trainer rehearses three hours on rented hardware in seconds, and registers a verified model", async () => {
  const clock = new VirtualClock({ startAtMs: Date.UTC(2026, 10, 23, 10) });
  const home = await mkdtemp(join(tmpdir(), "hf-jobs-trainer-"));
  const twin = await startHubTwin({
    clock,
    repositories: [{ name: "acme/tiny-500m", files: { "config.json": "{}" } }],
    jobs: { script: scriptedTraining({ steps: 36, stepMs: 300_000 }) },
  });
  const added: unknown[] = [];
  const silent = () => {};
  const runtime = {
    store: memoryStore(),
    home,
    clock,
    generateId: randomUUID,
    actor: { type: "person" as const, id: "ada" },
    logger: { debug: silent, info: silent, warn: silent, error: silent },
    fetch: globalThis.fetch,
  };
  const trainer = new Trainer(runtime, {
    backend: backendOf(twin),
    approvals: new Approvals(runtime),
    registrar: {
      async addVersion(input) {
        added.push(input);
        return { version: "v1.0.0" };
      },
    },
  });
  try {
    const job = await trainer.train({
      agent: "support",
      baseModel: "acme/tiny-500m",
      method: "sft",
      dataset: Array.from({ length: 12 }, (_, index) => ({
        prompt: `say ${index}`,
        completion: `it is ${index}`,
      })),
      hardware: "a10g-large",
      timeoutMs: 4 * 3_600_000,
      hubRepo: "alice/support-tuned",
    });
    const steps: (number | null)[] = [];
    for await (const event of job.events())
      if (event.type === "training.progress") steps.push(event.data.progress.currentStep);
    const result = await job.result();
    expect(steps.filter((step, index) => step !== steps[index - 1]).at(-1)).toBe(36);
    expect(result.artifact).toMatchObject({ location: { type: "hub", repoId: "alice/support-tuned" } });
    expect(added).toHaveLength(1);
    // 40 s of waiting are free; 3 h and 6 s are 181 started minutes at $1.50 an hour.
    expect((await job.status()).costUsd).toBeCloseTo(4.525, 2);
    expect(twin.requests.to("POST /api/jobs/alice").count).toBe(1);
  } finally {
    await trainer.close();
    await twin.close();
    await rm(home, { recursive: true, force: true });
  }
});
