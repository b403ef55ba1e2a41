import { readFile } from "node:fs/promises";
import type { HardwareOffer, TrainingRun, TrainingScriptConfig } from "../../../contract/training-backend.ts";
import { ModelOpsError } from "../../../errors/modelops-error.ts";
import { extraPackages, trackingConfig } from "../extra-packages.ts";
import type { JobRequest } from "./jobs-client.ts";

/** Linux takes no single variable over 128 KiB; base64 makes a third more of it. */
const MAX_SCRIPT_BYTES = 90 * 1024;
const MAX_VARIABLE_BYTES = 128 * 1024;
const CONFIG_VARIABLE = "MODELOPS_CONFIG_B64";

/** What a job is found again by: its run, or the schedule that starts it. */
export const RUN_LABEL = "modelops-run";
export const SCHEDULE_LABEL = "modelops-schedule";

/** The script's view of a run on a machine of its own; also what a job tells about itself afterwards. */
export function remoteScriptConfig(options: {
  readonly run: TrainingRun;
  readonly hubRepo: string;
  readonly trackioSpace: string;
  readonly resume: boolean;
  readonly data: {
    readonly repository: string;
    readonly revision: string;
    readonly trainPath: string;
    readonly evaluationPath: string | null;
  };
}): TrainingScriptConfig {
  const { run, data } = options;
  const place = (file: string) => ({ repo_id: data.repository, revision: data.revision, file });
  const savesCheckpoints = typeof run.hyperparameters.save_steps === "number";
  return {
    v: 1,
    run_id: run.runId,
    method: run.method,
    base_model: run.baseModel,
    base_model_revision: run.baseModelRevision,
    dataset: {
      train: place(data.trainPath),
      evaluation: data.evaluationPath === null ? null : place(data.evaluationPath),
      evaluation_fraction: data.evaluationPath === null ? (run.evaluationFraction ?? null) : null,
    },
    output_dir: "output",
    seed: run.seed,
    adapter: run.adapter,
    hyperparameters: run.hyperparameters,
    ...(run.rewards ? { rewards: run.rewards } : {}),
    precision: "auto",
    device: "auto",
    threads: null,
    resume: options.resume,
    // The disk ends with the job: what is not on the Hub is lost.
    hub: {
      push: true,
      repo_id: options.hubRepo,
      private: true,
      strategy: savesCheckpoints ? "every_save" : "end",
    },
    tracking: trackingConfig(run, { space: options.trackioSpace, push: true }),
  };
}

/** Everything a job needs in one request: script and configuration as variables, the token as a secret. */
export async function jobRequest(options: {
  readonly run: TrainingRun;
  readonly config: TrainingScriptConfig;
  readonly scriptPath: string;
  readonly hardware: HardwareOffer | null;
  readonly image: string;
  readonly env: Readonly<Record<string, string>>;
  readonly jobToken: string;
  readonly identity: typeof RUN_LABEL | typeof SCHEDULE_LABEL;
}): Promise<JobRequest> {
  const { run } = options;
  const script = await readFile(options.scriptPath);
  if (script.byteLength > MAX_SCRIPT_BYTES) {
    throw new ModelOpsError({
      code: "training/script-too-large",
      message: `The training script has ${script.byteLength} bytes.`,
      reason: `It travels in one environment variable, which holds ${MAX_SCRIPT_BYTES} bytes of script.`,
      fix: "shorten it, or move what it needs into a package that its header names.",
      details: { path: options.scriptPath, bytes: script.byteLength, limitBytes: MAX_SCRIPT_BYTES },
    });
  }
  const environment = {
    PYTHONUNBUFFERED: "1",
    HF_HUB_DISABLE_TELEMETRY: "1",
    ...options.env,
    MODELOPS_SCRIPT_B64: script.toString("base64"),
    [CONFIG_VARIABLE]: Buffer.from(JSON.stringify(options.config)).toString("base64"),
  };
  requireSmallVariables(environment);
  requireNoToken(environment, options.jobToken);
  return {
    flavor: run.hardwareId,
    dockerImage: options.image,
    command: ["/bin/sh", "-c", shellCommand(run, options.hardware)],
    environment,
    secrets: { HF_TOKEN: options.jobToken },
    timeoutSeconds: Math.max(1, Math.ceil(run.timeoutMs / 1000)),
    labels: jobLabels(run, options.identity),
  };
}

/** The configuration inside a job's variables; null when the job is not one of ours. */
export function configOfJob(environment: Readonly<Record<string, string>>): TrainingScriptConfig | null {
  const encoded = environment[CONFIG_VARIABLE];
  if (encoded === undefined) return null;
  try {
    return JSON.parse(Buffer.from(encoded, "base64").toString("utf8")) as TrainingScriptConfig;
  } catch {
    return null;
  }
}

/** Nothing of the run is part of this text: values are in variables only. */
function shellCommand(run: TrainingRun, hardware: HardwareOffer | null): string {
  const unpack = [
    'cd "$(mktemp -d)"',
    'printf %s "$MODELOPS_SCRIPT_B64" | base64 -d > train.py',
    `printf %s "$${CONFIG_VARIABLE}" | base64 -d > run.json`,
    // The script starts other programs: what it was made of is not theirs to carry.
    `unset MODELOPS_SCRIPT_B64 ${CONFIG_VARIABLE}`,
  ].join(" && ");
  const extra = extraPackages(run).map((name) => `'${name}'`);
  const cards = hardware?.accelerator?.count ?? 1;
  if (cards <= 1) {
    const withExtra = extra.map((name) => `--with ${name} `).join("");
    return `${unpack} && exec uv run ${withExtra}train.py --config run.json`;
  }
  const install = extra.length > 0 ? ` && uv pip install --quiet --python "$PYTHON" ${extra.join(" ")}` : "";
  return (
    `${unpack} && uv sync --quiet --script train.py && PYTHON="$(uv python find --script train.py)"${install} && ` +
    `exec "$PYTHON" -m accelerate.commands.launch --num_processes ${cards} --num_machines 1 --mixed_precision no ` +
    "--dynamo_backend no train.py --config run.json"
  );
}

const LABEL_VALUE = /^[a-zA-Z0-9._-]{1,100}$/;

export function jobLabels(run: TrainingRun, identity: string): Record<string, string> {
  if (!LABEL_VALUE.test(run.runId)) {
    throw new ModelOpsError({
      code: "training/run-id",
      message: `The run id ${JSON.stringify(run.runId).slice(0, 140)} cannot be a label of a job.`,
      reason: "The job is found again by it.",
      fix: "use at most 100 letters, digits, dots, hyphens and underscores.",
    });
  }
  const clean = (text: string) => text.replaceAll(/[^a-zA-Z0-9._-]/g, "-").slice(0, 100);
  const given = Object.entries(run.labels).map(([key, value]) => [clean(key), clean(value)] as const);
  return {
    ...Object.fromEntries(given.filter(([key]) => key !== "")),
    name: clean(`modelops-${run.agent}`),
    "modelops-agent": clean(run.agent),
    [identity]: run.runId,
  };
}

function requireSmallVariables(environment: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(environment)) {
    const bytes = Buffer.byteLength(name) + Buffer.byteLength(value) + 2;
    if (bytes <= MAX_VARIABLE_BYTES) continue;
    throw new ModelOpsError({
      code: "training/variable-too-large",
      message: `The variable ${name} of the job would have ${bytes} bytes.`,
      reason: `A job's machine takes at most ${MAX_VARIABLE_BYTES}.`,
      fix: name === CONFIG_VARIABLE ? "declare fewer or shorter rewards." : "shorten it.",
    });
  }
}

/** Variables are stored and shown in the clear. */
function requireNoToken(environment: Readonly<Record<string, string>>, token: string): void {
  const name = Object.keys(environment).find((key) => environment[key]?.includes(token));
  if (name === undefined) return;
  throw new ModelOpsError({
    code: "training/secret-in-environment",
    message: `The variable ${name} of the job holds the token.`,
    reason: "Variables of a job are stored and shown in the clear.",
    fix: "leave it out: the job gets the token as a secret.",
  });
}
