import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findUv } from "../../../core/src/training/backends/local/find-uv.ts";
import { type HubTwin, startHubTwin } from "../hub/start-hub-twin.ts";
import { backendOf, collect, trainingRun } from "./__fixtures__/training-run.ts";

const run = promisify(execFile);
const CORE = fileURLToPath(new URL("../../../core/", import.meta.url));
let twin: HubTwin;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "jobs-execute-"));
  const [uv = "uv", ...uvArguments] = await findUv({ home: folder, env: process.env, report: () => {} });
  // A tiny model from scratch, by the same packages as the training script's.
  const model = join(folder, "tiny");
  const header = (await readFile(join(CORE, "python", "train_sft.py"), "utf8")).split("# ///\n")[0];
  const script = join(folder, "make.py");
  await writeFile(
    script,
    `${header}# ///\nimport sys\nsys.path.insert(0, ${JSON.stringify(join(CORE, "python-tests"))})\nfrom tiny_model import make_tiny_model\nfrom pathlib import Path\nmake_tiny_model(Path(${JSON.stringify(model)}))\n`,
  );
  await run(uv, [...uvArguments, "run", script]);
  const files: Record<string, Uint8Array> = {};
  for (const name of await readdir(model)) files[name] = await readFile(join(model, name));
  const path = uv.includes("/") ? `${dirname(uv)}:${process.env.PATH}` : (process.env.PATH ?? "");
  const { stdout: cache } = await run(uv, [...uvArguments, "cache", "dir"]);
  twin = await startHubTwin({
    repositories: [{ name: "acme/tiny", files }],
    jobs: { execute: { env: { PATH: path, UV_CACHE_DIR: cache.trim() } } },
  });
});

afterAll(async () => {
  await twin?.close();
  await rm(folder, { recursive: true, force: true });
});

test.each(["lora", "full"] as const)(
  "the training script runs as a job, trains %s, pushes its model, and the model is verified",
  async (kind) => {
    const trainFile = join(folder, `train-${kind}.jsonl`);
    const rows = Array.from({ length: 24 }, (_, index) => ({
      messages: [
        { role: "user", content: `say ${index}` },
        { role: "assistant", content: `it is ${index % 3}` },
      ],
    }));
    await writeFile(trainFile, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    const backend = backendOf(twin);
    const job = await backend.submit(
      await trainingRun({
        runId: `real-${kind}`,
        baseModel: "acme/tiny",
        trainFile,
        hardwareId: "cpu-basic",
        hubRepo: `alice/tiny-${kind}`,
        adapter: kind === "lora" ? { kind, rank: 4, alpha: 8 } : { kind },
        hyperparameters: {
          max_steps: 4,
          batch_size: 4,
          logging_steps: 1,
          save_steps: 2,
          learning_rate: 1e-3,
        },
      }),
    );
    const events = await collect(backend.events(job.backendJobId));
    const output = events.flatMap(({ body }) => (body.kind === "output" ? [body.line] : []));
    const status = await backend.status(job.backendJobId);
    expect(status.stage, `${status.failure?.message}\n${output.slice(-20).join("\n")}`).toBe("completed");
    const kinds = events.flatMap(({ body }) => (body.kind === "progress" ? [body.record.kind] : []));
    expect(kinds).toEqual(expect.arrayContaining(["begin", "log", "save", "end", "pushed", "result"]));

    const artifact = await backend.artifact(job.backendJobId);
    expect(artifact.kind).toBe(kind === "lora" ? "adapter" : "full-model");
    const weights = kind === "lora" ? "adapter_model.safetensors" : "model.safetensors";
    expect(artifact.files.find((file) => file.path === weights)?.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(twin.isPrivate(`alice/tiny-${kind}`)).toBe(true);
    expect(twin.files(`alice/tiny-${kind}`)).toContain(
      `last-checkpoint/${kind === "lora" ? "adapter_model" : "model"}.safetensors`,
    );
  },
);
