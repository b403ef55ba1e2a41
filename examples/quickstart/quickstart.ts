import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  accuracy,
  type ComparisonReport,
  createModelOps,
  formatDuration,
  formatQuote,
  local,
  type ModelOpsEvent,
  resolveBaseModel,
  type TrainingPlan,
  validJson,
  writeReports,
} from "@modelops/core";
import { gguf } from "@modelops/target-gguf";
import type { DemoArguments } from "./arguments.ts";
import type { Display } from "./display.ts";
import { type RolloutSummary, rollOutAndBack } from "./roll-out-and-back.ts";
import { prepareRows } from "./rows.ts";
import { openRunState } from "./run-state.ts";

const EXAMPLE = dirname(fileURLToPath(import.meta.url));
const AGENT = "feature_dev";
const BASE_VERSION = "v1.0.0";
/** Python environments are large: all runs share the ones under this folder. */
export const DEFAULT_HOME = join(EXAMPLE, ".modelops");

/** Chosen on the validation split; see base-model/RECIPE.md. */
const RECIPE = {
  adapter: { kind: "lora", rank: 32, alpha: 64 },
  hyperparameters: {
    learningRate: 1.5e-3,
    maxSteps: 400,
    batchSize: 16,
    warmupSteps: 20,
    scheduler: "cosine",
  },
} as const;

/** What the run measured, each figure from this very run; null where it does not apply. */
export interface QuickstartSummary {
  readonly version: string;
  readonly recommendation: string;
  readonly sentence: string;
  readonly heldOutRows: number;
  readonly exactMatch: { readonly before: number | null; readonly after: number | null };
  readonly validJson: { readonly before: number | null; readonly after: number | null } | null;
  readonly baseSkill: {
    readonly before: number | null;
    readonly after: number | null;
    readonly rows: number;
  } | null;
  /** Null when the evaluation rejected the candidate: what has not earned traffic gets none. */
  readonly rollout: RolloutSummary | null;
  readonly quoteUsd: number;
  readonly quotedMinutes: number;
  readonly wallTimeMs: {
    readonly install: number;
    readonly train: number;
    readonly evaluate: number;
    readonly rollout: number;
    readonly total: number;
    readonly withoutInstall: number;
  };
  readonly events: number;
  readonly files: Readonly<Record<string, string>>;
}

/**
 * The whole loop for one agent: register the model in use, plan, approve, train, evaluate against it, canary 20 → 50 →
 * 100 %, roll back. Interrupted anywhere, the next call with the same arguments goes on where it stopped.
 */
export async function runQuickstart(
  given: DemoArguments,
  display: Display,
  signal: AbortSignal,
): Promise<QuickstartSummary> {
  const startedAt = performance.now();
  const home = given.home ?? DEFAULT_HOME;
  const runArguments = JSON.stringify({ ...given, isJson: null, isFresh: null });
  const run = await openRunState({ home, arguments: runArguments, isFresh: given.isFresh });
  const { runId } = run.state;
  const folder = join(home, "runs", `${run.state.startedAt.replace(/[:.]/g, "-")}-${runId.slice(0, 8)}`);
  mkdirSync(folder, { recursive: true });
  if (run.isContinued) display.line(`Going on with the run that was interrupted (${folder}).`);

  // The host's file is copied: a run must not change the example itself.
  const modelsYaml = join(folder, "models.yaml");
  if (!existsSync(modelsYaml)) copyFileSync(join(EXAMPLE, "host", "models.yaml"), modelsYaml);

  const base = await resolveBaseModel({
    baseModel: given.base ?? join(EXAMPLE, "base-model", "tiny-llama"),
    onFile: (file) =>
      display.line(
        `  downloading ${file.path} (${(file.sizeBytes / 1e6).toFixed(1)} MB, ${file.index + 1} of ${file.count})`,
      ),
    signal,
  });
  const rows = await prepareRows(given, folder);

  await using ops = createModelOps({
    home: folder,
    backend: local({ home: DEFAULT_HOME, onHostExit: "stop" }),
    targets: [gguf({ folder: join(folder, "gguf"), contextLength: 512 })],
    hostConfig: { file: modelsYaml },
    actor: { type: "person", id: "quickstart" },
    training: { requireApproval: true },
  });
  let events = 0;
  let installStartedAt: number | null = null;
  let installMs = 0;
  ops.onAny((event) => {
    events += 1;
    if (event.type === "training.preparing") installStartedAt ??= performance.now();
    if (event.type === "training.started" && installStartedAt !== null) {
      installMs += performance.now() - installStartedAt;
      installStartedAt = null;
    }
    show(display, event);
  });

  display.heading("1  The model in use");
  const baseArtifact = {
    kind: "full-model" as const,
    location: { type: "folder" as const, path: base.folder },
    baseModel: given.base ?? "tiny-llama",
    baseModelRevision: base.revision,
    files: [],
  };
  await ops.registry.addVersion({
    agent: AGENT,
    version: BASE_VERSION,
    modelId: given.base ?? "tiny-llama",
    trainingConfig: {
      baseModel: given.base ?? "tiny-llama",
      trainingMethod: "none",
      trainingDataset: "none",
    },
    artifact: baseArtifact,
    notes: "Registered as it was in use; trained_at is the time of registration.",
    idempotencyKey: `${runId}:base`,
    signal,
  });
  if ((await ops.registry.pointers({ agent: AGENT })).current === null) {
    await ops.deployer.deploy({
      agent: AGENT,
      version: BASE_VERSION,
      rollout: "immediate",
      override: { reason: "the model in use before the first fine-tune" },
      signal,
    });
  }

  display.heading("2  Check, plan, quote, approve");
  const useRecipe = rows.isExample && given.base === null;
  const plan = await ops.trainer.plan({
    agent: AGENT,
    runId,
    baseModel: base.folder,
    method: "sft",
    dataset: rows.train,
    mapping: rows.mapping,
    adapter: given.method ?? (useRecipe ? RECIPE.adapter : "auto"),
    hyperparameters: {
      ...(useRecipe ? RECIPE.hyperparameters : {}),
      ...(given.steps === null ? {} : { maxSteps: given.steps }),
      saveSteps: 50,
      loggingSteps: 10,
    },
    seed: given.seed,
    modelId: `quickstart/${AGENT}`,
  });
  showPlan(display, plan);

  display.heading("3  Train");
  const trainStartedAt = performance.now();
  const job = await ops.trainer.train(plan, {
    approve: (quote) => {
      display.line(`  approved by the callback: ${formatQuote(quote)}`);
      return { approved: true, by: "quickstart" };
    },
    signal,
  });
  const trained = await job.result({ signal }).catch(async (error: unknown) => {
    // Ending a wait never ends a job by itself; who interrupts the demo does not want to wait for it any longer.
    if (signal.aborted) await job.cancel({ reason: "the demo was interrupted" });
    throw error;
  });
  display.endProgress();
  const trainMs = performance.now() - trainStartedAt - installMs;
  const version = trained.version ?? "";

  display.heading("4  Evaluate against the model in use");
  const evaluateStartedAt = performance.now();
  const isJsonTask = rows.heldOut.every((example) => isJson(String(example.outputs.text)));
  const metrics = isJsonTask ? [accuracy({ mode: "exact" }), validJson()] : [accuracy({ mode: "exact" })];
  const shared = {
    agent: AGENT,
    candidate: version,
    baseline: BASE_VERSION,
    generation: { temperature: 0, maxOutputTokens: 64 },
    concurrency: 1,
    signal,
  };
  const report = await ops.compare({
    ...shared,
    evaluationId: `${runId}.held-out`,
    dataset: rows.heldOut,
    metrics,
    weights: isJsonTask ? { accuracy: 0.8, valid_json: 0.2 } : { accuracy: 1 },
  });
  const reports = await writeReports(report, join(folder, "report"));
  display.endProgress();
  display.line(`  ${report.sentence}`);
  const skill =
    rows.baseSkill === null
      ? null
      : await ops.compare({
          ...shared,
          evaluationId: `${runId}.base-skill`,
          dataset: rows.baseSkill,
          metrics: [accuracy({ mode: "exact" })],
          updateScores: false,
        });
  display.endProgress();
  const evaluateMs = performance.now() - evaluateStartedAt;

  const isWorthServing = report.recommendation !== "reject" && report.recommendation !== "insufficient_data";
  const rolloutStartedAt = performance.now();
  const rollout = isWorthServing
    ? await rollOutAndBack({
        ops,
        agent: AGENT,
        baseVersion: BASE_VERSION,
        version,
        examples: rows.heldOut,
        modelsYaml,
        display,
        signal,
      })
    : null;
  if (!isWorthServing) display.line("  The candidate is not deployed: it has not earned it.");
  await ops.registry.flush();
  const rolloutMs = performance.now() - rolloutStartedAt;
  run.finish();

  const totalMs = performance.now() - startedAt;
  return {
    version,
    recommendation: report.recommendation,
    sentence: report.sentence,
    heldOutRows: rows.heldOut.length,
    exactMatch: meansOf(report, "accuracy"),
    validJson: isJsonTask ? meansOf(report, "valid_json") : null,
    baseSkill: skill === null ? null : { ...meansOf(skill, "accuracy"), rows: rows.baseSkill?.length ?? 0 },
    rollout,
    quoteUsd: plan.quote.usd.likely,
    quotedMinutes: plan.quote.minutes.likely,
    wallTimeMs: {
      install: installMs,
      train: trainMs,
      evaluate: evaluateMs,
      rollout: rolloutMs,
      total: totalMs,
      withoutInstall: totalMs - installMs,
    },
    events,
    files: {
      registry: join(folder, "registry.json"),
      report: reports.html,
      models: modelsYaml,
      routing: join(folder, "routing.json"),
      gguf: join(folder, "gguf"),
    },
  };
}

function show(display: Display, event: ModelOpsEvent): void {
  if (event.type === "training.progress") {
    const { progress } = event.data as {
      progress: {
        progressPct: number | null;
        currentStep: number;
        totalSteps: number | null;
        currentLoss: number | null;
        etaMinutes: number | null;
      };
    };
    if (progress.progressPct === null || progress.totalSteps === null) return;
    const loss = progress.currentLoss === null ? "" : `, loss ${progress.currentLoss.toFixed(3)}`;
    const eta = progress.etaMinutes === null ? "" : `, ${formatDuration(progress.etaMinutes * 60_000)} left`;
    display.progress(
      progress.progressPct / 100,
      `step ${progress.currentStep} of ${progress.totalSteps}${loss}${eta}`,
    );
  } else if (event.type === "training.preparing") {
    display.line(`  ${(event.data as { message: string }).message}`);
  } else if (event.type === "evaluation.progress") {
    const { done, total } = event.data as { done: number; total: number };
    display.progress(total === 0 ? 1 : done / total, `${done} of ${total} examples`);
  } else {
    display.event(event);
  }
}

function showPlan(display: Display, plan: TrainingPlan): void {
  display.line(
    `  ${plan.rows} rows, ${plan.dataset.verdict}; ${plan.adapter.kind} fine-tune: ${plan.adapter.reason}`,
  );
  for (const warning of plan.warnings) display.line(`  note: ${warning}`);
  display.line(`  ${formatQuote(plan.quote)}`);
}

function meansOf(
  report: ComparisonReport,
  metric: string,
): { readonly before: number | null; readonly after: number | null } {
  const found = report.metrics.find((entry) => entry.name === metric);
  return { before: found?.baselineMean ?? null, after: found?.candidateMean ?? null };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
