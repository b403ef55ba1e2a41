import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { HubTwin } from "../hub/start-hub-twin.ts";
import { startExecutingHub } from "./__fixtures__/executing-hub.ts";
import { backendOf, collect, trainingRun } from "./__fixtures__/training-run.ts";

let twin: HubTwin;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "resumed-job-"));
  ({ twin } = await startExecutingHub(folder));
});

afterAll(async () => {
  await twin?.close();
  await rm(folder, { recursive: true, force: true });
});

const rows = Array.from({ length: 24 }, (_, index) => ({
  prompt: `say ${index}\n`,
  completion: `it is ${index % 3}`,
}));

test.each(["lora", "full"] as const)(
  "a %s job that was cut off goes on from the checkpoint it pushed, on another machine, and no other run does",
  async (kind) => {
    const backend = backendOf(twin);
    const submit = async (runId: string, steps: number) => {
      const run = await trainingRun({
        ...{ runId: `${runId}-${kind}`, baseModel: "acme/tiny", hardwareId: "cpu-basic" },
        hubRepo: `alice/resumed-${kind}`,
        adapter: kind === "lora" ? { kind, rank: 4, alpha: 8 } : { kind },
        hyperparameters: {
          ...{ max_steps: steps, batch_size: 4, logging_steps: 1, save_steps: 2, learning_rate: 1e-3 },
        },
        rows,
      });
      return (await backend.submit(run)).backendJobId;
    };
    const begun = async (backendJobId: string) => {
      const events = await collect(backend.events(backendJobId));
      expect((await backend.status(backendJobId)).failure).toBeNull();
      return events.flatMap(({ body }) =>
        body.kind === "progress" && body.record.kind === "begin" ? [body.record] : [],
      );
    };
    const first = await submit("cut", 2000);
    for await (const { body } of backend.events(first)) {
      // What a step was saved with is in the repository when the next step is told.
      if (body.kind === "progress" && body.record.kind === "log" && (body.record.step ?? 0) >= 3) break;
    }
    await backend.cancel(first);
    const second = await submit("cut", 2000);
    expect(second).not.toBe(first);
    for await (const { body } of backend.events(second)) {
      if (body.kind !== "progress" || body.record.kind !== "begin") continue;
      expect(body.record.resumed_from).toMatch(/^checkpoint-\d+$/);
      expect(body.record.step).toBeGreaterThanOrEqual(2);
      break;
    }
    await backend.cancel(second);
    const [other] = await begun(await submit("other", 2));
    expect(other).toMatchObject({ resumed_from: null, step: 0 });
  },
);
