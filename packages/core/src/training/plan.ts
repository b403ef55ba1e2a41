import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import type { HardwareOffer, TrainingBackend, TrainingScriptConfig } from "../contract/training-backend.ts";
import { type AdapterChoice, type AdapterKind, chooseAdapter } from "../cost/choose-adapter.ts";
import { diskGiB, fitsDisk } from "../cost/disk.ts";
import { type Correction, makeQuote, type Quote, timeoutFor } from "../cost/quote.ts";
import { estimateTime } from "../cost/training-time.ts";
import { checkDataset } from "../datasets/check-dataset.ts";
import type { DatasetCheck } from "../datasets/dataset-check.ts";
import type { DatasetReader } from "../datasets/dataset-reference.ts";
import { requireReady } from "../datasets/export-dataset.ts";
import { tokenCounterFor } from "../datasets/token-counter.ts";
import { parseOrThrow } from "../errors/from-zod.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { canonicalAgentName } from "../model/agent-name.ts";
import type { TrainingMethod } from "../model/model-version.ts";
import { type BaseModel, type BaseModelLookup, inspectBaseModel } from "./base-model.ts";
import type { FallbackPlan } from "./fallback-hardware.ts";
import {
  type CompleteHyperparameters,
  completeHyperparameters,
  defaultBatchSize,
  defaultMaxLength,
} from "./hyperparameters.ts";
import { type HardwarePreference, preferredOffers } from "./preferred-hardware.ts";
import { type TrainingSpec, trainingSpecSchema } from "./training-spec.ts";

export const DEMO_ROWS = 100;
const DEFAULT_SEED = 42;
const DEFAULT_RANK = 16;
const DEFAULT_ALPHA = 32;
/** A machine this slow is passed over when a faster one is on offer. */
const PATIENCE_MINUTES = 120;

/** Everything that will happen and what it will cost, before anything happens. Plain JSON, apart from inline rows. */
export interface TrainingPlan {
  readonly spec: TrainingSpec;
  readonly agent: string;
  readonly method: TrainingMethod;
  readonly mode: "demo" | "production";
  readonly backend: string;
  readonly baseModel: BaseModel;
  readonly dataset: DatasetCheck;
  /** Rows that are trained on. */
  readonly rows: number;
  readonly hardware: HardwareOffer;
  readonly adapter: AdapterChoice;
  readonly adapterConfig: TrainingScriptConfig["adapter"];
  readonly hyperparameters: CompleteHyperparameters;
  readonly seed: number;
  readonly quote: Quote;
  /** Minutes before any correction by finished jobs: what those are compared with. */
  readonly uncorrectedMinutes: number;
  readonly timeoutMs: number;
  /** Machines that may stand in, each with its quote: see `fallbackHardware`. */
  readonly fallbacks?: readonly FallbackPlan[];
  /** Downloads before the first start, when there are any. */
  readonly preparation: { readonly downloadBytes: number; readonly diskBytes: number } | null;
  readonly warnings: readonly string[];
  /** Identifies what is trained (not its price): the same run may be continued under another quote. */
  readonly runHash: string;
}

/** Checks, measures and prices a run. No side effects. */
export async function makePlan(options: {
  readonly spec: TrainingSpec;
  readonly backend: TrainingBackend;
  readonly reader: DatasetReader;
  readonly lookup: BaseModelLookup | null;
  readonly correctionFor: (hardwareId: string) => Promise<Correction | null>;
  /** Kinds of cards to choose from, when any of them is on offer. */
  readonly preferredHardware?: HardwarePreference | null;
  /** A plan of the same base model and rows: they are not looked at again. */
  readonly sibling?: TrainingPlan | null;
  readonly signal?: AbortSignal;
}): Promise<TrainingPlan> {
  const { backend, reader, signal } = options;
  const spec = parseSpec(options.spec);
  const agent = canonicalAgentName(spec.agent);
  const method = spec.method ?? "sft";
  const mode = spec.mode ?? "production";
  if (!backend.capabilities.methods.includes(method)) {
    throw new ModelOpsError({
      code: "training/method-not-offered",
      message: `The backend ${backend.id} does not train with ${method}.`,
      reason: `It offers ${backend.capabilities.methods.join(", ")}.`,
      fix: "choose one of these, or another backend.",
    });
  }
  const revision = spec.baseModelRevision ?? null;
  const known = options.sibling ?? null;
  const baseModel =
    known?.baseModel ??
    (await inspectBaseModel(requireBaseModel(spec), { revision, lookup: options.lookup, signal }));
  const maxLength = spec.hyperparameters?.maxLength ?? defaultMaxLength(baseModel);
  const dataset =
    known?.dataset ??
    (await checkDataset(spec.dataset, method, {
      mapping: spec.mapping,
      evaluation: spec.evaluationDataset,
      counter: await tokenCounterFor(baseModel.folder, baseModel.tokenizer),
      maxLength: method === "grpo" ? null : maxLength,
      rewards: spec.rewards,
      dropInvalidRows: spec.dropInvalidRows,
      reader,
      signal,
    }));
  requireReady(dataset);
  const rows = mode === "demo" ? Math.min(DEMO_ROWS, dataset.usableRows) : dataset.usableRows;
  const { candidates, warning } = await candidateHardware(spec, backend, {
    parameters: baseModel.parameters,
    preference: options.preferredHardware ?? null,
    signal,
  });
  const priced = await Promise.all(
    candidates.map(async (hardware) => {
      const correction = await options.correctionFor(hardware.id);
      return priceRun({ spec, method, mode, baseModel, dataset, rows, hardware, backend, correction });
    }),
  );
  const best = choosePriced(priced, spec.hardware ?? null, baseModel);
  const preparation =
    (await backend.preparation?.(
      {
        method,
        adapter: best.adapterConfig,
        hardwareId: best.hardware.id,
        tracking: spec.tracking ?? null,
      },
      { signal },
    )) ?? null;
  const seed = spec.seed ?? DEFAULT_SEED;
  const subject = {
    agent,
    method,
    backend: backend.id,
    baseModel: baseModel.folder ?? baseModel.id,
    baseModelRevision: baseModel.revision,
    baseModelFingerprint: baseModel.fingerprint,
    dataset: dataset.fingerprint,
    mapping: spec.mapping ?? null,
    rows,
    hardware: best.hardware.id,
    adapter: best.adapterConfig,
    hyperparameters: best.hyperparameters.script,
    rewards: spec.rewards ?? null,
    seed,
    ...(spec.evaluationFraction == null ? {} : { evaluationFraction: spec.evaluationFraction }),
    hubRepo: spec.hubRepo ?? null,
  };
  const quote = makeQuote({ ...best.quoteParts, subject });
  const warnings = [
    ...planWarnings(dataset, best.adapter, baseModel, mode),
    ...(warning === null ? [] : [warning]),
  ];
  return {
    spec,
    agent,
    method,
    mode,
    backend: backend.id,
    baseModel,
    dataset,
    rows,
    hardware: best.hardware,
    adapter: best.adapter,
    adapterConfig: best.adapterConfig,
    hyperparameters: best.hyperparameters,
    seed,
    quote,
    uncorrectedMinutes: best.quoteParts.seconds / 60,
    timeoutMs: spec.timeoutMs ?? timeoutFor(quote),
    preparation,
    warnings,
    runHash: `sha256:${createHash("sha256")
      .update(canonicalize(subject) ?? "")
      .digest("hex")}`,
  };
}

export function parseSpec(spec: TrainingSpec): TrainingSpec {
  return parseOrThrow(trainingSpecSchema, spec, {
    code: "input/training-spec",
    subject: "The training spec",
  });
}

async function candidateHardware(
  spec: TrainingSpec,
  backend: TrainingBackend,
  options: {
    readonly parameters: number;
    readonly preference: HardwarePreference | null;
    readonly signal: AbortSignal | undefined;
  },
): Promise<{ readonly candidates: readonly HardwareOffer[]; readonly warning: string | null }> {
  const offers = await backend.hardware({ signal: options.signal });
  if (!spec.hardware) {
    const { preferred, warning } = preferredOffers(offers, options.preference, options.parameters);
    if (preferred.length > 0) return { candidates: preferred, warning: null };
    // One card per job unless asked: several cards cost more per row.
    const single = offers.filter((offer) => (offer.accelerator?.count ?? 1) === 1);
    return { candidates: single.length > 0 ? single : offers, warning };
  }
  const asked = offers.filter((offer) => offer.id === spec.hardware);
  if (asked.length > 0) return { candidates: asked, warning: null };
  throw new ModelOpsError({
    code: "training/unknown-hardware",
    message: `The backend ${backend.id} has no hardware ${JSON.stringify(spec.hardware).slice(0, 80)}.`,
    reason: `It offers ${offers.map((offer) => offer.id).join(", ")}.`,
    fix: "choose one of these, or leave hardware out.",
  });
}

function requireBaseModel(spec: TrainingSpec): string {
  if (spec.baseModel !== undefined) return spec.baseModel;
  throw new ModelOpsError({
    code: "input/training-spec",
    message: "The training spec names no base model.",
    reason: `The training defaults recommend none for ${spec.agent} either.`,
    fix: "give baseModel: a folder, a hub id or a preset's name.",
  });
}

interface PricedRun {
  readonly hardware: HardwareOffer;
  readonly adapter: AdapterChoice;
  readonly adapterConfig: TrainingScriptConfig["adapter"];
  readonly hyperparameters: CompleteHyperparameters;
  readonly neededDiskGiB: number;
  readonly minutes: number;
  readonly usd: number;
  readonly quoteParts: Omit<Parameters<typeof makeQuote>[0], "subject">;
}

function priceRun(options: {
  readonly spec: TrainingSpec;
  readonly method: TrainingMethod;
  readonly mode: "demo" | "production";
  readonly baseModel: BaseModel;
  readonly dataset: DatasetCheck;
  readonly rows: number;
  readonly hardware: HardwareOffer;
  readonly backend: TrainingBackend;
  readonly correction: Correction | null;
}): PricedRun {
  const { spec, method, mode, baseModel, dataset, rows, hardware, backend, correction } = options;
  const given = spec.hyperparameters ?? {};
  const asked = typeof spec.adapter === "object" ? spec.adapter : null;
  const askedKind =
    asked?.kind ?? (spec.adapter && spec.adapter !== "auto" ? (spec.adapter as AdapterKind) : null);
  const batchSize = given.batchSize ?? defaultBatchSize(method, baseModel);
  const maxLength = given.maxLength ?? defaultMaxLength(baseModel);
  const longest = Math.min(maxLength, Math.max(16, dataset.tokens?.perRow.max ?? maxLength));
  const adapter = chooseAdapter({
    model: baseModel,
    hardware,
    requested: askedKind,
    available: backend.capabilities.adapters,
    rank: asked?.rank ?? DEFAULT_RANK,
    batchSize,
    sequenceLength: longest,
  });
  const hyperparameters = completeHyperparameters({
    given,
    method,
    mode,
    adapter: adapter.kind,
    model: baseModel,
    rows,
    cards: hardware.accelerator?.count ?? 1,
    hasEvaluation: spec.evaluationDataset != null || spec.evaluationFraction != null,
  });
  const p95 = dataset.tokens?.perRow.p95 ?? maxLength;
  const answers = method === "grpo" ? Number(hyperparameters.script.max_completion_length ?? 0) : 0;
  const time = estimateTime({
    model: baseModel,
    method,
    adapter: adapter.kind,
    hardware,
    steps: hyperparameters.steps,
    rowsPerStep: hyperparameters.rowsPerStep,
    microStepsPerStep: hyperparameters.microStepsPerStep,
    // A batch is padded to its longest row, which in a batch of eight or more is about the 95th percentile.
    tokensPerRow: Math.min(maxLength, p95) * (method === "dpo" ? 2 : 1) + answers,
    hasCheckpointing: hardware.accelerator !== null,
  });
  const seconds = time.startSeconds + time.trainingSeconds;
  const basis = [
    `${hyperparameters.steps} steps of ${hyperparameters.rowsPerStep} rows, up to ${Math.min(maxLength, p95)} tokens each (${dataset.tokens?.basis ?? "unknown lengths"})`,
    `${time.tokensPerSecond} tokens per second: ${time.basis}`,
  ];
  const minutes = (seconds / 60) * (correction?.factor ?? 1);
  const neededDiskGiB = diskGiB({
    model: baseModel,
    modelBytes: baseModel.sizeBytes ?? null,
    adapter: adapter.kind,
    rank: asked?.rank ?? DEFAULT_RANK,
    isPrepared: backend.capabilities.local && baseModel.folder !== null,
  });
  return {
    hardware,
    adapter,
    adapterConfig:
      adapter.kind === "full"
        ? { kind: "full" }
        : {
            kind: adapter.kind,
            rank: asked?.rank ?? DEFAULT_RANK,
            alpha: asked?.alpha ?? DEFAULT_ALPHA,
            dropout: asked?.dropout ?? 0,
            target_modules: asked?.targetModules ?? "all-linear",
          },
    hyperparameters,
    neededDiskGiB,
    minutes,
    usd: (minutes / 60) * hardware.costUsdPerHour,
    quoteParts: { hardware, seconds, correction, basis },
  };
}

function choosePriced(priced: readonly PricedRun[], asked: string | null, baseModel: BaseModel): PricedRun {
  const inMemory = priced.filter((run) => run.adapter.fit !== "too-large");
  const fitting = inMemory.filter((run) => fitsDisk(run.neededDiskGiB, run.hardware) !== false);
  const [widest] = inMemory.toSorted((one, other) => other.hardware.diskGiB - one.hardware.diskGiB);
  if (widest && fitting.length === 0) throw diskError(widest, asked, baseModel);
  const patient = fitting.filter((run) => run.minutes <= PATIENCE_MINUTES);
  const byPrice = (one: PricedRun, other: PricedRun) => one.usd - other.usd || one.minutes - other.minutes;
  const byTime = (one: PricedRun, other: PricedRun) => one.minutes - other.minutes;
  const best = patient.length > 0 ? patient.toSorted(byPrice)[0] : fitting.toSorted(byTime)[0];
  if (best) return best;
  const largest = priced.toSorted((one, other) => other.adapter.availableGiB - one.adapter.availableGiB)[0];
  throw new ModelOpsError({
    code: "training/does-not-fit",
    message: `${baseModel.id} does not fit ${asked ?? "any machine on offer"}.`,
    reason: largest
      ? `The run would need about ${largest.adapter.neededGiB} GiB; ${largest.hardware.title} has ${largest.adapter.availableGiB} GiB.`
      : "There is no hardware on offer.",
    fix: "lower batchSize or maxLength, choose LoRA or QLoRA, a smaller base model or larger hardware.",
  });
}

function diskError(run: PricedRun, asked: string | null, baseModel: BaseModel): ModelOpsError {
  const needed = Math.ceil(run.neededDiskGiB);
  return new ModelOpsError({
    code: "training/does-not-fit-disk",
    message: `${baseModel.id} does not fit the disk of ${asked ?? "any machine on offer"}.`,
    reason: `Packages, base model and checkpoints would take about ${needed} GiB; ${run.hardware.title} has ${run.hardware.diskGiB}.`,
    fix: "choose LoRA, a smaller base model or hardware with more disk, or free some space.",
    details: { neededGiB: needed, availableGiB: run.hardware.diskGiB },
  });
}

function planWarnings(
  dataset: DatasetCheck,
  adapter: AdapterChoice,
  baseModel: BaseModel,
  mode: string,
): readonly string[] {
  const warnings = dataset.findings
    .filter((finding) => finding.severity === "warning")
    .map(
      (finding) =>
        `${finding.message}${finding.count > 1 ? ` (${finding.count} rows)` : ""} Fix: ${finding.fix}`,
    );
  if (adapter.fit === "tight")
    warnings.push(
      `The run needs about ${adapter.neededGiB} of ${adapter.availableGiB} GiB: it may run out of memory. Fix: lower batchSize.`,
    );
  warnings.push(...(baseModel.warnings ?? []));
  if (baseModel.parametersFrom === "name")
    warnings.push("The model's size was read off its name: the quote is rough.");
  if (mode === "demo")
    warnings.push(`Demo mode: at most ${DEMO_ROWS} rows and a few steps, to see that everything works.`);
  return warnings;
}
