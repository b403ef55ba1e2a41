import { existsSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import type { TrainingRun, TrainingScriptConfig } from "../../../contract/training-backend.ts";
import { trackingConfig } from "../extra-packages.ts";

/** The script's view of a run on this machine. */
export interface LocalScriptConfig extends TrainingScriptConfig {
  /** The process whose end also ends the script; null = it lives on. */
  readonly parent_pid: number | null;
}

const DEVICES: Readonly<Record<string, TrainingScriptConfig["device"]>> = {
  "local-cpu": "cpu",
  "local-cuda": "cuda",
  "local-mps": "mps",
};

export function scriptConfig(options: {
  readonly run: TrainingRun;
  readonly outputPath: string;
  readonly threads: number | null;
  readonly parentPid: number | null;
}): LocalScriptConfig {
  const { run } = options;
  return {
    v: 1,
    run_id: run.runId,
    method: run.method,
    base_model: localModelPath(run.baseModel) ?? run.baseModel,
    base_model_revision: run.baseModelRevision,
    dataset: {
      train: run.trainFile,
      evaluation: run.evaluationFile,
      evaluation_fraction: run.evaluationFile === null ? (run.evaluationFraction ?? null) : null,
    },
    output_dir: options.outputPath,
    seed: run.seed,
    adapter: run.adapter,
    hyperparameters: run.hyperparameters,
    ...(run.rewards ? { rewards: run.rewards } : {}),
    precision: "auto",
    device: DEVICES[run.hardwareId] ?? "auto",
    threads: options.threads,
    // The first start finds no checkpoint and begins at step 0; a later one goes on.
    resume: true,
    hub: { push: run.hubRepo !== null, repo_id: run.hubRepo, private: true, strategy: "end" },
    tracking: trackingConfig(run, { space: null, push: false }),
    parent_pid: options.parentPid,
  };
}

/** The absolute path of a base model that is a folder; null for a Hub id. */
export function localModelPath(baseModel: string): string | null {
  const path = isAbsolute(baseModel) ? baseModel : resolve(baseModel);
  return existsSync(path) ? path : null;
}

/** The script's environment: this process's, without what would bend another Python's module search. */
export function scriptEnvironment(options: {
  readonly extra: Readonly<Record<string, string>>;
  readonly isOffline: boolean;
}): NodeJS.ProcessEnv {
  const {
    PYTHONHOME: _home,
    PYTHONPATH: _path,
    VIRTUAL_ENV: _venv,
    __PYVENV_LAUNCHER__: _launcher,
    ...inherited
  } = process.env;
  return {
    ...inherited,
    PYTHONNOUSERSITE: "1",
    PYTHONUNBUFFERED: "1",
    HF_HUB_DISABLE_TELEMETRY: "1",
    // A base model in a folder needs no Hub: without this a slow network would slow the start.
    ...(options.isOffline ? { HF_HUB_OFFLINE: "1" } : {}),
    ...options.extra,
  };
}
