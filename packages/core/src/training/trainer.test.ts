import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Approvals } from "../approvals/approvals.ts";
import { parseTrainingDefaults } from "../config/training-defaults.ts";
import type { RegistryStore } from "../contract/registry-store.ts";
import type { HardwareOffer, TrainingBackend } from "../contract/training-backend.ts";
import { formatQuote } from "../cost/quote.ts";
import type { ModelOpsEvent } from "../events/event.ts";
import { memoryStore } from "../registry/memory-store.ts";
import { completeRuntime } from "../runtime.ts";
import { systemClock } from "../time/clock.ts";
import { local } from "./backends/local/local.ts";
import { findProcessByCommand } from "./backends/local/processes.ts";
import { Trainer } from "./trainer.ts";
import type { TrainerOptions } from "./trainer-options.ts";
import type { TrainingSpec } from "./training-spec.ts";
import type { VersionInput } from "./version-registrar.ts";

const script = join(import.meta.dirname, "backends/local/__fixtures__/protocol_script.py");
const rows = Array.from({ length: 12 }, (_, index) => ({
  prompt: `Where is parcel ${index}?`,
  completion: `On its way ${index}.`,
}));

let home: string;
let store: RegistryStore;
/** How far the trainer's clock is ahead of the machine's. */
let aheadMs = 0;
const open: Trainer[] = [];
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "modelops-trainer-"));
  store = memoryStore();
  aheadMs = 0;
});
afterEach(async () => {
  for (const trainer of open.splice(0)) await trainer.close();
  // A run that was just killed may still be closing its files.
  await rm(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
});

/** A base model in miniature, with the one tensor that the checks look at. */
async function baseModel(parameters = 1000): Promise<string> {
  const path = await mkdtemp(join(home, "base-"));
  const header = Buffer.from(
    JSON.stringify({ w: { dtype: "U8", shape: [parameters], data_offsets: [0, parameters] } }),
  );
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  await writeFile(join(path, "model.safetensors"), Buffer.concat([length, header, Buffer.alloc(parameters)]));
  await writeFile(
    join(path, "config.json"),
    JSON.stringify({
      architectures: ["LlamaForCausalLM"],
      hidden_size: 64,
      num_hidden_layers: 2,
      vocab_size: 260,
      max_position_embeddings: 512,
    }),
  );
  await writeFile(
    join(path, "tokenizer.json"),
    JSON.stringify({ model: { type: "BPE", merges: [], vocab: {} }, pre_tokenizer: { type: "ByteLevel" } }),
  );
  return path;
}

/** The script reads its own settings from the hyperparameters, which the trainer fills: so they are told by environment. */
function backendFor(values: object): TrainingBackend {
  const backend = local({
    home,
    environment: { pythonPath: "python3" },
    scriptPath: () => script,
    cancelGraceMs: 500,
  });
  return {
    ...backend,
    submit: (run, options) =>
      backend.submit({ ...run, hyperparameters: { ...run.hyperparameters, ...values } }, options),
  };
}

function setUp(
  values: object = { steps: 3 },
  options: Partial<TrainerOptions> & { readonly offer?: Partial<HardwareOffer> } = {},
) {
  const { offer, ...trainerOptions } = options;
  const clock = { ...systemClock, now: () => systemClock.now() + aheadMs };
  const runtime = completeRuntime({ store, home, clock, actor: { type: "person", id: "ada" } });
  const approvals = new Approvals(runtime);
  const added: VersionInput[] = [];
  const registrar = {
    async addVersion(input: VersionInput) {
      if (!added.some((known) => known.idempotencyKey === input.idempotencyKey)) added.push(input);
      return { version: "v1.0.0" };
    },
  };
  const backend = backendFor(values);
  const hardware = offer
    ? async () => (await backend.hardware()).map((one) => ({ ...one, ...offer }))
    : backend.hardware;
  const trainer = new Trainer(runtime, {
    backend: { ...backend, hardware },
    registrar,
    approvals,
    ...trainerOptions,
  });
  open.push(trainer);
  return { runtime, approvals, trainer, added, seen: watch(trainer) };
}

function watch(trainer: Trainer): ModelOpsEvent[] {
  const seen: ModelOpsEvent[] = [];
  trainer.events.onAny((event) => {
    seen.push(event);
  });
  return seen;
}

async function spec(changes: Partial<TrainingSpec> = {}): Promise<TrainingSpec> {
  return { agent: "feature-dev", baseModel: await baseModel(), dataset: rows, runId: "run-1", ...changes };
}

const stored = async (type: string) =>
  (await store.events({ since: 0, limit: 1000 })).filter((event) => event.type === type);
const ended = /^training\.(completed|failed|cancelled)$/;

describe("Trainer.plan", () => {
  it("trains so small a model as a whole, says why, and quotes this machine free of charge", async () => {
    const { trainer } = setUp();
    const plan = await trainer.plan(await spec());
    expect(plan).toMatchObject({
      agent: "feature_dev",
      method: "sft",
      rows: 12,
      adapterConfig: { kind: "full" },
    });
    expect(plan.adapter.reason).toContain("so small");
    expect(plan.quote.usd).toEqual({ low: 0, likely: 0, high: 0 });
    expect(plan.quote.minutes.low).toBeLessThan(plan.quote.minutes.likely);
    expect(plan.dataset.tokens?.isExact).toBe(true);
    expect(plan.timeoutMs).toBeGreaterThan(20 * 60_000);
    expect(await store.lastEventSeq()).toBe(0);
  });

  it("uses LoRA when asked to", async () => {
    const plan = await setUp().trainer.plan(await spec({ adapter: { kind: "lora", rank: 4 } }));
    expect(plan.adapterConfig).toEqual({
      kind: "lora",
      rank: 4,
      alpha: 32,
      dropout: 0,
      target_modules: "all-linear",
    });
  });

  it("binds the quote to the rows, the settings and the price", async () => {
    const { trainer } = setUp();
    const one = await spec();
    const same = await trainer.plan(one);
    expect((await trainer.plan(one)).quote.hash).toBe(same.quote.hash);
    for (const change of [
      { dataset: rows.slice(1) },
      { seed: 7 },
      { hyperparameters: { learningRate: 0.5 } },
      { adapter: "lora" as const },
    ]) {
      expect((await trainer.plan({ ...one, ...change })).quote.hash).not.toBe(same.quote.hash);
    }
  });

  it.each([
    [{ agent: "Not An Agent" }, "input/agent-name"],
    [{ baseModel: "./nowhere" }, "training/base-model"],
    [{ baseModel: "../../etc" }, "training/base-model"],
    [{ baseModel: "organisation/nameless" }, "training/base-model"],
    [{ dataset: [{ prompt: "a" }] }, "dataset/not-ready"],
    [{ dataset: [] }, "dataset/not-ready"],
    [{ hardware: "abacus" }, "training/unknown-hardware"],
    [{ method: "grpo" as const }, "input/training-spec"],
    [{ hyperparameters: { epochs: 1, maxSteps: 2 } }, "input/training-spec"],
    [{ hyperparameters: { learningRat: 1 } as never }, "input/training-spec"],
    [{ hardwear: "local-cpu" } as never, "input/training-spec"],
    [{ baseModel: "organisation/giant-405B" }, "training/does-not-fit"],
  ])("refuses %j", async (change, code) => {
    await expect(setUp().trainer.plan(await spec(change))).rejects.toMatchObject({ code });
  });
});

describe("the host's defaults", () => {
  const defaults = parseTrainingDefaults(`
model_presets: { tiny: { model_id: organisation/tiny-3B, hardware: t4-small } }
training_defaults: { demo: { num_epochs: 1, max_steps: 7, learning_rate: 3e-4 }, production: { num_epochs: 2 } }
autotrain: { lora: { r: 4, lora_dropout: 0.1 } }
agent_overrides:
  supervisor: { min_examples: 100, demo_mode_enabled: false }
  code_review: { recommended_model: tiny }
langsmith: { quality: { max_examples: 200 } }
safety: { require_approval_above_cost: 0, max_training_duration_hours: 900 }
`);

  it("fill what the spec leaves open", async () => {
    const { trainer } = setUp({}, { defaults });
    const plan = await trainer.plan(await spec({ baseModel: "tiny", adapter: "lora", mode: "demo" }));
    expect(plan.baseModel.id).toBe("organisation/tiny-3B");
    expect(plan.adapterConfig).toMatchObject({ rank: 4, dropout: 0.1 });
    expect(plan.hyperparameters.script).toMatchObject({ max_steps: 7, learning_rate: 3e-4 });
    const own = await trainer.plan(await spec({ hyperparameters: { epochs: 5, learningRate: 0.1 } }));
    expect(own.hyperparameters.script).toMatchObject({ epochs: 5, max_steps: null, learning_rate: 0.1 });
  });

  it("forbid what the host does not allow", async () => {
    const { trainer } = setUp({}, { defaults });
    const supervisor = await spec({ agent: "supervisor" });
    await expect(trainer.plan({ ...supervisor, mode: "demo" })).rejects.toMatchObject({
      code: "training/demo-not-allowed",
    });
    await expect(trainer.plan(supervisor)).rejects.toMatchObject({ code: "training/too-few-rows" });
    const many = Array.from({ length: 201 }, (_, i) => ({ prompt: `say ${i}\n`, completion: `it is ${i}` }));
    await expect(trainer.plan(await spec({ dataset: many }))).rejects.toMatchObject({
      code: "training/too-many-rows",
    });
  });

  it("name an agent's base model, and the spec must where they do not", async () => {
    const { trainer } = setUp({}, { defaults });
    const { baseModel: _baseModel, ...open } = await spec();
    expect((await trainer.plan({ ...open, agent: "code_review" })).baseModel.id).toBe("organisation/tiny-3B");
    await expect(trainer.plan(open)).rejects.toMatchObject({
      code: "input/training-spec",
      message: expect.stringContaining("base model"),
    });
  });

  it("quote a trial and the real run over one look at the rows, and only the latter where no trial is allowed", async () => {
    const { trainer } = setUp({}, { defaults });
    const both = await trainer.planBoth(await spec({ agent: "code_review" }));
    expect(both.demo?.hyperparameters.steps).toBe(7);
    expect(both.production.hyperparameters.epochs).toBe(2);
    expect(both.demo?.dataset).toBe(both.production.dataset);
    expect(formatQuote(both)).toMatch(/^Demo free, \d+ min \| production free, \d+ min$/);
    const rows = Array.from({ length: 100 }, (_, i) => ({ prompt: `say ${i}\n`, completion: `it is ${i}` }));
    const supervisor = await trainer.planBoth(await spec({ agent: "supervisor", dataset: rows }));
    expect(supervisor.demo).toBeNull();
    expect(formatQuote(supervisor)).toMatch(/^Production free/);
  });
});

describe("Trainer.train", () => {
  it("goes from rows to a verified, registered version, with one terminal event", async () => {
    const { trainer, added, seen } = setUp();
    const job = await trainer.train(await spec());
    const result = await job.result();
    expect(result).toMatchObject({
      jobId: "run-1",
      version: "v1.0.0",
      modelId: "feature_dev-run-1",
      artifact: { kind: "adapter" },
    });
    expect(added).toHaveLength(1);
    expect(added[0]?.lineage).toMatchObject({
      datasetRows: 12,
      datasetFingerprint: expect.stringMatching(/^sha256:/),
      baseModelFingerprint: expect.stringMatching(/^sha256:/),
    });
    expect(await job.status()).toMatchObject({
      status: "completed",
      currentStep: 3,
      totalSteps: 3,
      progressPct: 100,
      etaMinutes: null,
      costUsd: 0,
      projection: null,
    });
    expect(seen.map((event) => event.type).filter((type) => ended.test(type))).toEqual([
      "training.completed",
    ]);
    expect(await stored("training.completed")).toHaveLength(1);
    const live = seen.filter((event) => event.type === "training.progress").map((event) => event.id);
    expect((await stored("training.progress")).map((event) => event.id)).toEqual(live);
    const replayed: string[] = [];
    for await (const event of job.events()) replayed.push(event.id);
    expect(replayed.slice(1, -1)).toEqual(live);
    expect(replayed.at(-1)).toBe("run-1#1.end");
  });

  it("is one job for one run id, and another job's id cannot be taken", async () => {
    const { trainer } = setUp();
    const one = await spec();
    const [first, second] = await Promise.all([trainer.train(one), trainer.train(one)]);
    await Promise.all([first.result(), second.result()]);
    expect((await trainer.train(one)).id).toBe("run-1");
    expect(await stored("training.started")).toHaveLength(1);
    await expect(trainer.train({ ...one, seed: 9 })).rejects.toMatchObject({ code: "training/run-id-taken" });
  });

  it("tells a failure with its fix, and the same run id goes on", async () => {
    const { trainer, seen } = setUp({ mode: "crash", steps: 4 });
    const one = await spec();
    const job = await trainer.train(one);
    await expect(job.result()).rejects.toMatchObject({
      code: "training/failed",
      details: { diagnosis: "killed" },
    });
    expect(seen.filter((event) => ended.test(event.type)).map((event) => event.type)).toEqual([
      "training.failed",
    ]);
    const again = await trainer.train(one);
    expect(await again.result()).toMatchObject({ version: "v1.0.0" });
    expect(seen.filter((event) => ended.test(event.type)).map((event) => event.type)).toEqual([
      "training.failed",
      "training.completed",
    ]);
    const ids = (await stored("training.progress")).map((event) => event.id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("fails, and does not complete, when the result is damaged", async () => {
    const { trainer, added } = setUp({ mode: "truncated", steps: 1 });
    const job = await trainer.train(await spec());
    await expect(job.result()).rejects.toMatchObject({
      code: "training/failed",
      details: { diagnosis: "artifact_invalid" },
    });
    expect(added).toEqual([]);
  });

  it("cancels for good, and ending a wait cancels nothing", async () => {
    const { trainer, seen } = setUp({ mode: "hang" });
    const job = await trainer.train(await spec());
    await expect(job.result({ signal: AbortSignal.timeout(300) })).rejects.toThrow();
    for await (const event of job.events())
      if (event.type === "training.progress" && event.data.kind === "log") break;
    expect(await job.status()).toMatchObject({
      status: "running",
      projection: { basis: expect.stringMatching(/^(quote|measured)$/), usd: { likely: 0 } },
    });
    expect(await job.cancel()).toMatchObject({ status: "cancelled" });
    expect(await findProcessByCommand(join(home, "training"))).toBeNull();
    await expect(job.result()).rejects.toMatchObject({ code: "training/cancelled" });
    expect(seen.filter((event) => ended.test(event.type)).map((event) => event.type)).toEqual([
      "training.cancelled",
    ]);
  });

  it("is picked up by another trainer, and two followers record each event once", async () => {
    const first = setUp({ steps: 40, step_ms: 20 });
    const second = setUp({ steps: 40, step_ms: 20 });
    await first.trainer.train(await spec());
    while (!(await second.trainer.jobs({ status: "running" }))[0])
      await new Promise((resolve) => setTimeout(resolve, 20));
    const job = await second.trainer.job("run-1");
    expect(await job.result()).toMatchObject({ version: "v1.0.0" });
    await (await first.trainer.job("run-1")).result();
    const ids = (await stored("training.progress")).map((event) => event.id);
    expect(ids).toHaveLength(new Set(ids).size);
    expect(ids.filter((id) => id.startsWith("run-1#"))).toHaveLength(2 * 40 + 4);
    expect(await stored("training.completed")).toHaveLength(1);
    expect(first.seen.filter((event) => event.type === "training.completed")).toHaveLength(1);
    expect(second.seen.filter((event) => event.type === "training.completed")).toHaveLength(1);
  });

  it("leaves the job running when it is closed, for the next one to find", async () => {
    const first = setUp({ steps: 30, step_ms: 20 });
    const job = await first.trainer.train(await spec());
    const waiting = expect(job.result()).rejects.toMatchObject({ code: "training/closed" });
    await first.trainer.close();
    await waiting;
    expect(await (await setUp({ steps: 30 }).trainer.job("run-1")).result()).toMatchObject({
      version: "v1.0.0",
    });
  });

  it("begins a new attempt when the last one ended while nobody followed it", async () => {
    const one = await spec();
    const first = setUp({ mode: "crash", steps: 4, step_ms: 100 });
    const job = await first.trainer.train(one);
    for await (const event of job.events()) if (event.type === "training.progress") break;
    await first.trainer.close();
    while ((await findProcessByCommand(join(home, "training"))) !== null)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(
      (await store.list({ collection: "jobs", terms: ["status:running"], limit: 5 })).records,
    ).toHaveLength(1);

    const second = setUp({ mode: "crash", steps: 4 });
    expect(await (await second.trainer.train(one)).result()).toMatchObject({ version: "v1.0.0" });
    expect(second.seen.filter((event) => ended.test(event.type)).map((event) => event.type)).toEqual([
      "training.failed",
      "training.completed",
    ]);
  });

  it("corrects the next quote by what finished jobs took", async () => {
    const { trainer } = setUp();
    const one = await spec();
    const before = await trainer.plan(one);
    await (await trainer.train(one)).result();
    const after = await trainer.plan(one);
    expect(after.quote.minutes.likely).toBeLessThan(before.quote.minutes.likely);
    expect(after.quote.basis.join()).toContain("1 finished job");
  });
});

describe("approval", () => {
  const paid = { offer: { costUsdPerHour: 2000, priceSource: { kind: "live" as const } } };

  it("asks before money is spent, once, about the very quote", async () => {
    const { trainer, approvals } = setUp({ steps: 1 }, paid);
    const asked: string[] = [];
    const plan = await trainer.plan(await spec());
    const job = await trainer.train(plan, {
      approve: (quote) => {
        asked.push(quote.hash);
        return { approved: true, by: "grace" };
      },
    });
    await job.result();
    expect(asked).toEqual([plan.quote.hash]);
    expect((await stored("approval.used"))[0]?.data).toMatchObject({
      approval: { decidedBy: "grace", usedBy: "run-1" },
    });
    expect(await approvals.pending()).toEqual([]);
  });

  it.each([
    false,
    { approved: false, by: "grace", reason: "too dear" },
    undefined,
    "approved",
    { approved: "true", by: "x" },
  ])("takes %j for a no", async (answer) => {
    const { trainer } = setUp({ steps: 1 }, paid);
    await expect(trainer.train(await spec(), { approve: () => answer as never })).rejects.toMatchObject({
      code: "approval/denied",
    });
    expect(await trainer.jobs()).toEqual([]);
  });

  it("waits in the inbox, survives a restart, and is used up by one run", async () => {
    const one = await spec();
    await expect(setUp({ steps: 1 }, paid).trainer.train(one)).rejects.toMatchObject({
      code: "approval/required",
    });
    const { trainer, approvals } = setUp({ steps: 1 }, paid);
    const [pending] = await approvals.pending({ agent: "feature_dev" });
    if (!pending) throw new Error("nothing is pending");
    await expect(approvals.claim(pending.id, { hash: pending.hash, usedBy: "run-1" })).rejects.toMatchObject({
      code: "approval/pending",
    });
    await approvals.approve(pending.id, { by: "grace" });
    await expect(approvals.deny(pending.id, { by: "grace" })).rejects.toMatchObject({
      code: "approval/approved",
    });
    await (await trainer.train(one)).result();
    await expect(
      approvals.claim(pending.id, { hash: pending.hash, usedBy: "another" }),
    ).rejects.toMatchObject({ code: "approval/used" });
    await expect(
      approvals.claim(pending.id, { hash: "sha256:other", usedBy: "run-1" }),
    ).rejects.toMatchObject({ code: "approval/mismatch" });
  });

  it("is needed for a free run only when every run needs it", async () => {
    const { trainer } = setUp({ steps: 1 }, { requireApproval: true });
    await expect(trainer.train(await spec())).rejects.toMatchObject({ code: "approval/required" });
  });

  it("refuses a quote above the cap before anybody is asked", async () => {
    const { trainer } = setUp({ steps: 1 }, paid);
    const approve = () => {
      throw new Error("asked");
    };
    await expect(trainer.train(await spec({ maxCostUsd: 0.01 }), { approve })).rejects.toMatchObject({
      code: "training/quote-exceeds-cap",
    });
  });

  it("cancels a run whose bill passes the cap", async () => {
    const { trainer } = setUp(
      { mode: "hang" },
      { offer: { costUsdPerHour: 2000, priceSource: { kind: "live" } }, approvalAboveUsd: 1e6 },
    );
    const plain = await spec();
    const { quote } = await trainer.plan(plain);
    const job = await trainer.train({ ...plain, maxCostUsd: quote.usd.likely });
    await expect.poll(async () => (await job.status()).costUsd).toBeCloseTo(2000 / 60, 6);
    aheadMs = 60 * 60_000;
    await expect(job.result()).rejects.toMatchObject({
      code: "training/cancelled",
      reason: expect.stringContaining("above maxCostUsd"),
    });
  });
});
