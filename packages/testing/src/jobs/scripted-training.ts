import type { TrainingScriptConfig } from "@modelops/core";
import type { RunnerContext } from "./job-runner.ts";
import type { JobScript, JobStep } from "./scripted-runner.ts";

export interface ScriptedTrainingOptions {
  /** @default 20 */
  readonly steps?: number;
  /** By the twin's clock. @default 10000 */
  readonly stepMs?: number;
  /** Waiting for a machine. @default 40000 */
  readonly schedulingMs?: number;
  /** Falls in a straight line. @default [2, 0.5] */
  readonly loss?: readonly [first: number, last: number];
  /** Whether the model really gets to the Hub; a job can complete without it. @default true */
  readonly pushes?: boolean;
  /** Cuts the last bytes off the weights that are pushed. @default false */
  readonly cutsWeights?: boolean;
  /** Lines printed at each step besides the progress line. */
  readonly chatter?: (step: number) => readonly string[];
  /** Ends the job at this step instead. */
  readonly failure?: {
    readonly atStep: number;
    readonly exit: number;
    readonly reason?: string;
    readonly log?: string;
  };
}

/** Plays the library's training script as a job: its progress lines, and a small model pushed to the Hub at the end. */
export function scriptedTraining(options: ScriptedTrainingOptions = {}): JobScript {
  const {
    steps = 20,
    stepMs = 10_000,
    schedulingMs = 40_000,
    loss = [2, 0.5],
    pushes = true,
    failure,
  } = options;
  return (context) => {
    const config = configOf(context);
    const [first, last] = loss;
    const line = (kind: string, step: number, fields: Record<string, unknown> = {}): JobStep => ({
      do: ({ log, clock }) =>
        log(
          `@@modelops ${JSON.stringify({ v: 1, kind, step, max_steps: steps, epoch: step / steps, t: clock.now() / 1000, ...fields })}`,
        ),
    });
    const played: JobStep[] = [
      { afterMs: schedulingMs, start: true },
      { afterMs: 5000, log: "Installed 66 packages in 226ms" },
      line("loading", 0, { stage: "model" }),
      line("begin", 0, { rows: 100, ...trackerPages(config, context.hubUrl) }),
    ];
    for (let step = 1; step <= steps; step += 1) {
      if (failure?.atStep === step) {
        if (failure.log) played.push({ log: failure.log });
        played.push({ exit: failure.exit, ...(failure.reason ? { reason: failure.reason } : {}) });
        return played;
      }
      const value = first + ((last - first) * step) / steps;
      played.push({ afterMs: stepMs, log: options.chatter?.(step) ?? [] });
      played.push(line("log", step, { m: { loss: value, learning_rate: 1e-4 * (1 - step / steps) } }));
    }
    const hub: { repo_id: string | null; revision: string | null } = {
      repo_id: config.hub.repo_id,
      revision: null,
    };
    const files = modelFiles(config);
    played.push(line("end", steps));
    if (pushes) {
      played.push({
        do: (running) => {
          hub.revision = pushModel(running, config, options.cutsWeights ? withCutWeights(files) : files);
        },
      });
    }
    played.push({
      do: ({ log, clock }) => {
        const reported = Object.entries(files).map(([path, bytes]) => ({
          path,
          size_bytes: bytes.byteLength,
        }));
        const common = { v: 1, step: steps, max_steps: steps, t: clock.now() / 1000 };
        if (hub.revision !== null) log(`@@modelops ${JSON.stringify({ ...common, kind: "pushed", ...hub })}`);
        log(
          `@@modelops ${JSON.stringify({ ...common, kind: "result", metrics: { loss: last }, files: reported, hub: hub.revision === null ? null : hub })}`,
        );
      },
    });
    played.push({ afterMs: 1000, exit: 0 });
    return played;
  };
}

/** The configuration that the library's script gets. */
function configOf(context: RunnerContext): TrainingScriptConfig {
  const encoded = context.job.spec.environment?.MODELOPS_CONFIG_B64 ?? "";
  return JSON.parse(Buffer.from(encoded, "base64").toString("utf8")) as TrainingScriptConfig;
}

/** As the library's script says them once its tracker is on. */
function trackerPages({ tracking, hub }: TrainingScriptConfig, hubUrl: string) {
  const { report_to: tracker, space_id: space } = tracking;
  return {
    trackio_url: tracker === "trackio" && space !== null ? `${hubUrl}/spaces/${space}` : null,
    tensorboard_url:
      tracker === "tensorboard" && tracking.push && hub.push ? `${hubUrl}/${hub.repo_id}/tensorboard` : null,
  };
}

function pushModel(
  { hub, job }: RunnerContext,
  config: TrainingScriptConfig,
  files: Readonly<Record<string, Uint8Array>>,
): string {
  const name = config.hub.repo_id ?? "";
  const record =
    hub.find("model", name) ??
    hub.create({ type: "model", name, isPrivate: config.hub.private, author: job.createdBy });
  return hub.commitFiles(record, files, { title: `Result of run ${config.run_id}` }).oid;
}

/** The smallest folder that counts as a model: valid headers, one tensor. */
export function modelFiles(
  config: Pick<TrainingScriptConfig, "adapter" | "base_model">,
): Record<string, Uint8Array> {
  const text = (value: unknown) => new TextEncoder().encode(`${JSON.stringify(value)}\n`);
  const isAdapter = config.adapter.kind !== "full";
  return {
    ...(isAdapter
      ? {
          "adapter_config.json": text({
            peft_type: "LORA",
            base_model_name_or_path: config.base_model,
            r: 16,
          }),
        }
      : { "config.json": text({ model_type: "llama" }) }),
    [isAdapter ? "adapter_model.safetensors" : "model.safetensors"]: safetensors(),
    "tokenizer.json": text({ version: "1.0" }),
  };
}

function withCutWeights(files: Readonly<Record<string, Uint8Array>>): Record<string, Uint8Array> {
  return Object.fromEntries(
    Object.entries(files).map(([path, bytes]) => [
      path,
      path.endsWith(".safetensors") ? bytes.subarray(0, -4) : bytes,
    ]),
  );
}

function safetensors(): Uint8Array {
  const header = new TextEncoder().encode(
    JSON.stringify({ weight: { dtype: "F32", shape: [4], data_offsets: [0, 16] } }),
  );
  const bytes = new Uint8Array(8 + header.byteLength + 16);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.byteLength), true);
  bytes.set(header, 8);
  return bytes;
}
