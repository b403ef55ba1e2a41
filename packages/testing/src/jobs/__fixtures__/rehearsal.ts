import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  Approvals,
  type HfJobsOptions,
  memoryStore,
  type RegistryStore,
  Trainer,
  type TrainingSpec,
  type VersionInput,
} from "@modelops/core";
import { VirtualClock } from "../../clock/virtual-clock.ts";
import { type HubTwinOptions, startHubTwin } from "../../hub/start-hub-twin.ts";
import { backendOf } from "./training-run.ts";

const silent = () => {};

/** Hours on rented hardware, played in seconds: a Jobs twin, and trainers as different hosts would open them. */
export async function rehearsal(
  jobs: HubTwinOptions["jobs"],
  time: { readonly quietMs?: number } = {},
) {
  const clock = new VirtualClock({ startAtMs: Date.UTC(2026, 10, 23, 10), ...time });
  const home = await mkdtemp(join(tmpdir(), "hf-jobs-trainer-"));
  const twin = await startHubTwin({
    clock,
    repositories: [{ name: "acme/tiny-500m", files: { "config.json": "{}" } }],
    jobs,
  });
  const store: RegistryStore = memoryStore();
  const added: VersionInput[] = [];
  const open: Trainer[] = [];
  const logger = { debug: silent, info: silent, warn: silent, error: silent };
  const actor = { type: "person" as const, id: "ada" };
  const runtime = { store, home, clock, generateId: randomUUID, actor, logger, fetch: globalThis.fetch };
  const approvals = new Approvals(runtime);
  return {
    runtime,
    approvals,
    twin,
    clock,
    /** What the registry was told. */
    added,
    trainer(options: Partial<HfJobsOptions> = {}) {
      const trainer = new Trainer(runtime, {
        backend: backendOf(twin, options),
        approvals,
        registrar: {
          async addVersion(input) {
            if (!added.some((known) => known.idempotencyKey === input.idempotencyKey)) added.push(input);
            return { version: "v1.0.0" };
          },
        },
      });
      open.push(trainer);
      return trainer;
    },
    async close() {
      for (const trainer of open) await trainer.close();
      await twin.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** A run of twelve rows on an A10G. */
export const REHEARSED: TrainingSpec = {
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
};
