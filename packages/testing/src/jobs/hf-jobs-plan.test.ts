import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createModelOps, type ModelOps, parseTrainingDefaults } from "@modelops/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type HubTwin, startHubTwin } from "../hub/start-hub-twin.ts";
import { backendOf } from "./__fixtures__/training-run.ts";

const config = (layers: number, hidden: number) =>
  JSON.stringify({
    architectures: ["Qwen2ForCausalLM"],
    num_hidden_layers: layers,
    hidden_size: hidden,
    vocab_size: 152_064,
    max_position_embeddings: 32_768,
  });
const seed = (name: string, parameters: number, layers: number, hidden: number) => ({
  name,
  files: { "config.json": config(layers, hidden), "tokenizer.json": "{}", "model.safetensors": "weights" },
  facts: { cardData: { license: "apache-2.0" }, safetensors: { total: parameters } },
});
const rows = Array.from({ length: 60 }, (_, index) => ({
  prompt: `say ${index} ${"again ".repeat(40)}\n`,
  completion: `it is ${index}`,
}));
const spec = { agent: "support", baseModel: "acme/seven", dataset: rows } as const;
const older =
  "gpu_selection:\n  small: { gpu_type: l4 }\n  medium: { gpu_type: a10g, num_gpus: 2 }\n  large: { gpu_type: h100 }\n";

let twin: HubTwin;
let home: string;
let opened: ModelOps[];

beforeEach(async () => {
  opened = [];
  home = await mkdtemp(join(tmpdir(), "hf-jobs-plan-"));
  twin = await startHubTwin({
    repositories: [
      seed("acme/one", 1.5e9, 28, 1536),
      seed("acme/seven", 7.6e9, 28, 3584),
      seed("acme/seventy", 70e9, 80, 8192),
      { ...seed("acme/gated", 7.6e9, 28, 3584), gated: "manual" },
    ],
  });
});

afterEach(async () => {
  for (const ops of opened) await ops.close();
  await twin.close();
  await rm(home, { recursive: true, force: true });
});

function open(options: { readonly defaults?: string } = {}): ModelOps {
  const ops = createModelOps({
    home: join(home, randomUUID()),
    backend: backendOf(twin),
    hub: { hubUrl: twin.url, token: twin.token },
    ...(options.defaults === undefined
      ? {}
      : { training: { defaults: parseTrainingDefaults(options.defaults) } }),
  });
  opened.push(ops);
  return ops;
}

test("a plan counts the weights, reads prices live, and says what it rests on", async () => {
  const plan = await open().trainer.plan(spec);
  expect(plan.baseModel).toMatchObject({
    parameters: 7.6e9,
    parametersFrom: "weights",
    license: "apache-2.0",
  });
  expect(plan.hardware.priceSource).toEqual({ kind: "live" });
  expect(plan.quote.usd.low).toBeLessThan(plan.quote.usd.likely);
  expect(plan.quote.basis.join(" ")).toMatch(/steps of .* tokens per second: (published|assumed)/);
  expect(plan.timeoutMs).toBe(Math.ceil((1.5 * plan.quote.minutes.likely + 20) * 60_000));
});

test("the dated list stands in for prices that cannot be read, and the quote says so", async () => {
  twin.faults.add({ route: "GET /api/jobs/hardware", fault: { kind: "reply", status: 503 } });
  const plan = await open().trainer.plan(spec);
  expect(plan.hardware.priceSource.kind).toBe("snapshot");
  expect(plan.quote.basis.at(-1)).toMatch(/as of \d{4}-\d\d-\d\d; the live price could not be read/);
});

test("a gated base model is refused before rows are read or hardware is asked for", async () => {
  const before = twin.requests.to("GET /api/jobs/hardware").count;
  await expect(open().trainer.plan({ ...spec, baseModel: "acme/gated" })).rejects.toMatchObject({
    code: "hub/gated",
    details: { url: `${twin.url}/acme/gated` },
  });
  expect(twin.requests.to("GET /api/jobs/hardware").count).toBe(before);
});

test("a full run of a 7 B model is not put on 50 GB of disk", async () => {
  await expect(
    open().trainer.plan({ ...spec, adapter: "qlora", baseModel: "acme/seventy", hardware: "t4-small" }),
  ).rejects.toMatchObject({ code: "training/does-not-fit" });
  await expect(
    open().trainer.plan({ ...spec, adapter: "full", baseModel: "acme/one", hardware: "cpu-upgrade" }),
  ).rejects.toMatchObject({
    code: "training/does-not-fit-disk",
    details: { availableGiB: 50, neededGiB: expect.any(Number) },
  });
});

test("the host's choice of cards by size is followed where they are on offer", async () => {
  const { trainer } = open({ defaults: older });
  const medium = await trainer.plan(spec);
  expect(medium.hardware.id).toBe("a10g-largex2");
  expect(medium.hyperparameters.rowsPerStep).toBe(2 * medium.hyperparameters.batchSize);
  expect((await trainer.plan({ ...spec, baseModel: "acme/one" })).hardware.id).toBe("l4x1");
  const large = await trainer.plan({ ...spec, baseModel: "acme/seventy" });
  expect(large.hardware.accelerator?.count).toBe(1);
  expect(large.warnings.join(" ")).toMatch(/want 1 × h100 for large models, which is not on offer/);
  expect((await trainer.plan({ ...spec, hardware: "a100-large" })).hardware.id).toBe("a100-large");
});

test("a held-out share and a tracker reach the script, with the package that the tracker needs", async () => {
  const ops = open();
  await ops.trainer.train({
    ...spec,
    baseModel: "acme/one",
    adapter: "qlora",
    hardware: "l4x1",
    evaluationFraction: 0.2,
    tracking: { to: "trackio", project: "support" },
  });
  await expect.poll(() => twin.jobs.all.length).toBe(1);
  const [sent] = twin.requests.to("POST /api/jobs/alice").json() as {
    command: string[];
    environment: Record<string, string>;
  }[];
  expect(sent?.command.at(-1)).toContain(
    "uv run --with 'bitsandbytes==0.49.2' --with 'trackio==0.43.0' train.py",
  );
  const config = JSON.parse(
    Buffer.from(sent?.environment.MODELOPS_CONFIG_B64 ?? "", "base64").toString("utf8"),
  );
  expect(config.dataset).toMatchObject({ evaluation: null, evaluation_fraction: 0.2 });
  expect(config.hyperparameters.evaluation_steps).toBeGreaterThan(0);
  expect(config.tracking).toEqual({
    report_to: "trackio",
    project: "support",
    run_name: null,
    space_id: "alice/trackio",
    push: false,
  });
  expect(config.base_model_revision).toMatch(/^[0-9a-f]{40}$/);
  await expect(
    ops.trainer.plan({ ...spec, evaluationFraction: 0.2, evaluationDataset: rows }),
  ).rejects.toMatchObject({ code: "input/training-spec" });
});
