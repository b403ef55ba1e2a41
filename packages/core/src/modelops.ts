import { mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { Approvals, type ApprovalsOptions } from "./approvals/approvals.ts";
import { compareOnce } from "./composition/compare-once.ts";
import { evalScoresOf } from "./composition/eval-scores.ts";
import { type ApproveServing, serveVersion } from "./composition/serve-version.ts";
import { traceServices } from "./composition/traced-actions.ts";
import type { ChatModel } from "./contract/chat-model.ts";
import type { DatasetSource } from "./contract/dataset-source.ts";
import type { DeployTarget } from "./contract/deploy-target.ts";
import type { RegistryStore } from "./contract/registry-store.ts";
import type { Tracer } from "./contract/tracer.ts";
import type { TrainingBackend } from "./contract/training-backend.ts";
import { createDatasets, type Datasets } from "./datasets/datasets.ts";
import { builtInSources } from "./datasets/sources/built-in-sources.ts";
import { Deployer } from "./deployment/deployer.ts";
import type { DeployerOptions } from "./deployment/deployer-options.ts";
import type { HostConfigOptions } from "./deployment/host-config/host-config-options.ts";
import { parseOrThrow } from "./errors/from-zod.ts";
import { ModelOpsError } from "./errors/modelops-error.ts";
import type { ComparisonReport } from "./evaluation/comparison-report.ts";
import { Evaluator } from "./evaluation/evaluator.ts";
import type { CompareOptions } from "./evaluation/evaluator-options.ts";
import type { ExperimentWriter } from "./evaluation/experiment-writer.ts";
import type { ModelOpsEvent } from "./events/event.ts";
import { followEvents } from "./events/follow-events.ts";
import { createHub, type Hub, type HubOptions } from "./hub/hub.ts";
import { isTracingRequested, langSmithTracing } from "./langsmith/tracing.ts";
import type { Actor } from "./model/actor.ts";
import { Registry, type RegistryOptions } from "./registry/registry.ts";
import { sqliteStore } from "./registry/sqlite/sqlite-store.ts";
import { createRouter, type Router, type RouterOptions } from "./rollout/router.ts";
import { completeRuntime, type Logger, type Runtime } from "./runtime.ts";
import type { Clock } from "./time/clock.ts";
import { local } from "./training/backends/local/local.ts";
import { hubBaseModels, type LicensePolicy } from "./training/hub-base-model.ts";
import type { TrainingPlan } from "./training/plan.ts";
import { Trainer } from "./training/trainer.ts";
import type { TrainerOptions, TrainOptions } from "./training/trainer-options.ts";
import type { TrainingResult } from "./training/training-job.ts";
import type { TrainingSpec } from "./training/training-spec.ts";

export interface ModelOpsOptions {
  /** Folder for everything the library keeps. @default ".modelops" */
  readonly home?: string;
  /** @default SQLite in `<home>/modelops.db` */
  readonly store?: RegistryStore;
  /** Where models are trained. @default this machine */
  readonly backend?: TrainingBackend;
  /** Where models are served. Needed for `deployer`, `model` and `compare` by version. */
  readonly targets?: readonly DeployTarget[];
  /** The host's file that names a model per agent, such as `{ file: "config/models.yaml" }`. */
  readonly hostConfig?: HostConfigOptions;
  /** The routing table. @default `routing.json` beside the host's file, else in the home */
  readonly routingFile?: string;
  /** Where dataset references are read from, beside `file:`, `hf:` and `ls:`; one of the same scheme replaces it. */
  readonly sources?: readonly DatasetSource[];
  /** Where evaluations are written beside the store, such as `langSmithExperiments()`. */
  readonly experiments?: ExperimentWriter;
  /**
   * Shows what evaluator, trainer and deployer do as traces: `langSmithTracing()` or another `Tracer`; true = LangSmith
   * as the environment says, false = never, whatever the environment says.
   * @default true when the environment variable LANGSMITH_TRACING is `true` and LANGSMITH_API_KEY is set
   */
  readonly tracing?: Tracer | boolean;
  readonly training?: Omit<TrainerOptions, "backend" | "registrar" | "sources" | "approvals">;
  /** How long questions to people stay open, and what signs their tokens. */
  readonly approvals?: ApprovalsOptions;
  /** The Hugging Face Hub, where base models are found and looked up. */
  readonly hub?: HubOptions;
  /** Which licences base models from the Hub may have. Default: all but those that forbid derivatives. */
  readonly licenses?: LicensePolicy;
  readonly registry?: RegistryOptions;
  /** How versions are put in service, such as `{ retirement: { keepVersions: 2 } }`. */
  readonly deployment?: Omit<DeployerOptions, "registry" | "targets" | "hostConfig" | "routingFile">;
  /** Who acts, for history and audit. @default `{ type: "system", id: "modelops" }` */
  readonly actor?: Actor;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly fetch?: typeof globalThis.fetch;
  readonly generateId?: () => string;
  readonly onListenerError?: Runtime["onListenerError"];
}

const objectSchema = <Value>() => z.custom<Value>((value) => typeof value === "object" && value !== null);
const functionSchema = <Value>() => z.custom<Value>((value) => typeof value === "function");

const optionsSchema = z.strictObject({
  home: z.string().min(1).optional(),
  store: objectSchema<RegistryStore>().optional(),
  backend: objectSchema<TrainingBackend>().optional(),
  targets: z.array(objectSchema<DeployTarget>()).optional(),
  hostConfig: objectSchema<HostConfigOptions>().optional(),
  routingFile: z.string().min(1).optional(),
  sources: z.array(objectSchema<DatasetSource>()).optional(),
  experiments: objectSchema<ExperimentWriter>().optional(),
  tracing: z.union([z.boolean(), objectSchema<Tracer>()]).optional(),
  training:
    objectSchema<Omit<TrainerOptions, "backend" | "registrar" | "sources" | "approvals">>().optional(),
  approvals: objectSchema<ApprovalsOptions>().optional(),
  hub: objectSchema<HubOptions>().optional(),
  licenses: objectSchema<LicensePolicy>().optional(),
  registry: objectSchema<RegistryOptions>().optional(),
  deployment: objectSchema<NonNullable<ModelOpsOptions["deployment"]>>().optional(),
  actor: objectSchema<Actor>().optional(),
  logger: objectSchema<Logger>().optional(),
  clock: objectSchema<Clock>().optional(),
  fetch: functionSchema<typeof globalThis.fetch>().optional(),
  generateId: functionSchema<() => string>().optional(),
  onListenerError: functionSchema<NonNullable<Runtime["onListenerError"]>>().optional(),
});

/** A comparison of two registered versions: the library serves both and keeps the scores. */
export interface CompareVersionsOptions extends Omit<CompareOptions, "candidate" | "baseline"> {
  readonly candidate: string;
  /** @default the agent's current version; null = none */
  readonly baseline?: string | null;
  /** Target that serves both. May be left out when there is only one. */
  readonly target?: string;
  /** Asked before a target starts something that costs money by the hour. */
  readonly approveServing?: ApproveServing;
  /** Keep the candidate's scores in the registry. @default true */
  readonly updateScores?: boolean;
}

/** The four classes, wired together. */
export interface ModelOps {
  readonly runtime: Runtime;
  readonly trainer: Trainer;
  /** Checks, collects, mixes, splits and exports datasets over this installation's sources. */
  readonly datasets: Datasets;
  /** Questions that wait for a person. */
  readonly approvals: Approvals;
  readonly evaluator: Evaluator;
  readonly registry: Registry;
  /** Finds models, datasets, Spaces, papers and documentation. */
  readonly hub: Hub;
  /** Throws `config/no-target` when no target was given. */
  readonly deployer: Deployer;
  /**
   * Trains, waits, and gives the registered version: `trainer.train` and `job.result` in one. Ending the wait by
   * `signal` leaves the job running; `trainer.job(id)` finds it again.
   */
  train(
    spec: TrainingSpec | TrainingPlan,
    options?: TrainOptions,
  ): Promise<TrainingResult & { readonly version: string }>;
  /**
   * Makes a version answer, outside of any rollout. The caller closes the model: what costs money by the hour and was made
   * for it goes then, unless something else needs it by now. `close()` of this object does so for those left open.
   */
  model(options: {
    readonly agent: string;
    readonly version: string;
    readonly target?: string;
    readonly approveServing?: ApproveServing;
    readonly signal?: AbortSignal;
  }): Promise<ChatModel>;
  /**
   * Compares two registered versions and keeps the candidate's scores. With an `evaluationId` a second call goes on
   * with the first one's answers, or gives its report when it was completed.
   */
  compare(options: CompareVersionsOptions): Promise<ComparisonReport>;
  /** A router over this installation's routing table, for the host's own calls. The caller closes it. */
  router(options?: Omit<RouterOptions, "file" | "store" | "clock">): Router;
  /** Stored events of all classes and processes: replays those after `since`, then follows. */
  events(options?: { readonly since?: number; readonly signal?: AbortSignal }): AsyncIterable<ModelOpsEvent>;
  /** Every event of this process as it happens, progress included. Returns the function that unsubscribes. */
  onAny(listener: (event: ModelOpsEvent) => void | Promise<void>): () => void;
  /** Finishes what is being written, frees what `model` holds and closes the store it opened. Running jobs go on. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Wires trainer, evaluator, registry and deployer over one store. Any of the four may be used alone; this saves the
 * wiring. Rejects unknown options with `config/modelops`.
 */
export function createModelOps(options: ModelOpsOptions = {}): ModelOps {
  const given = parseOrThrow(optionsSchema, options, {
    code: "config/modelops",
    subject: "The options of createModelOps",
  });
  const home = resolve(given.home ?? ".modelops");
  mkdirSync(home, { recursive: true });
  const ownStore = given.store ? null : sqliteStore({ path: join(home, "modelops.db") });
  const runtime = completeRuntime({
    home,
    store: given.store ?? (ownStore as RegistryStore),
    clock: given.clock,
    actor: given.actor,
    logger: given.logger,
    fetch: given.fetch,
    generateId: given.generateId,
    onListenerError: given.onListenerError,
  });
  const routingFile = resolve(
    given.routingFile ?? join(given.hostConfig ? dirname(given.hostConfig.file) : home, "routing.json"),
  );
  const targets = new Map((given.targets ?? []).map((target) => [target.id, target]));
  const sources = [
    ...(given.sources ?? []),
    ...builtInSources({ fetch: runtime.fetch, clock: runtime.clock }),
  ].filter((source, index, all) => all.findIndex(({ scheme }) => scheme === source.scheme) === index);
  const datasets = createDatasets({
    home,
    sources,
    langSmith: { fetch: runtime.fetch, clock: runtime.clock },
  });
  const backend = given.backend ?? local({ home });

  const registry = new Registry(runtime, given.registry);
  const evaluator = new Evaluator(runtime, { sources, experiments: given.experiments });
  const approvals = new Approvals(runtime, given.approvals);
  const hub = createHub(given.hub, { clock: runtime.clock, fetch: runtime.fetch });
  const trainer = new Trainer(runtime, {
    baseModelLookup: hubBaseModels(hub, {
      licenses: given.licenses,
      tokenizerFolder: join(home, "tokenizers"),
    }),
    ...given.training,
    backend,
    registrar: registry,
    approvals,
    sources,
  });
  const deployer =
    targets.size === 0
      ? null
      : new Deployer(runtime, {
          ...given.deployment,
          registry,
          targets: [...targets.values()],
          hostConfig: given.hostConfig ?? null,
          routingFile,
        });

  const tracer = tracerOf(given.tracing, runtime);
  if (tracer) traceServices(tracer, { evaluator, trainer, deployer });

  const targetOf = (id: string | undefined): DeployTarget => {
    const found = id === undefined && targets.size === 1 ? [...targets.values()][0] : targets.get(id ?? "");
    if (found) return found;
    throw new ModelOpsError({
      code: id === undefined ? "config/no-target" : "config/unknown-target",
      message: id === undefined ? "It is not clear which target shall serve." : `There is no target ${id}.`,
      reason:
        targets.size === 0 ? "No targets were given." : `Targets are ${[...targets.keys()].join(", ")}.`,
      fix: "name one of the targets given to createModelOps.",
    });
  };

  const opened = new Set<ChatModel>();
  const modelops: ModelOps = {
    runtime,
    trainer,
    datasets,
    approvals,
    evaluator,
    registry,
    hub,
    get deployer() {
      if (deployer) return deployer;
      throw new ModelOpsError({
        code: "config/no-target",
        message: "There is nothing to deploy to.",
        reason: "createModelOps was given no targets.",
        fix: "pass targets, such as [gguf({ folder })] or [openRouter()].",
      });
    },
    async train(spec, trainOptions = {}) {
      const job = await trainer.train(spec, trainOptions);
      const result = await job.result({ signal: trainOptions.signal });
      if (result.version !== null) return { ...result, version: result.version };
      // The trainer above has a registry, so this would be a fault of ours.
      throw new ModelOpsError({
        code: "training/not-registered",
        message: `The job ${result.jobId} is complete, but its version was not registered.`,
        fix: "register its artifact with registry.addVersion, and report this.",
      });
    },
    async model({ agent, version, target, approveServing, signal }) {
      const found = await registry.getVersion({ agent, version });
      const from = { runtime, opened, target: targetOf(target), version: found };
      return serveVersion({ ...from, approve: approveServing, signal });
    },
    async compare({ candidate, baseline, target, approveServing, updateScores = true, ...rest }) {
      const { agent, signal } = rest;
      const current = baseline === undefined ? (await registry.pointers({ agent })).current : baseline;
      const models: ChatModel[] = [];
      const open = async (version: string) => {
        const model = await modelops.model({ agent, version, target, approveServing, signal });
        models.push(model);
        return { version, model };
      };
      try {
        const report = await compareOnce(evaluator, {
          ...rest,
          candidate: await open(candidate),
          baseline: current === null ? null : await open(current),
        });
        if (updateScores) {
          await registry.updateScores({
            agent,
            version: candidate,
            scores: evalScoresOf(report),
            evaluationId: report.evaluationId,
            signal,
          });
        }
        return report;
      } finally {
        await Promise.all(models.map((model) => model.close?.()));
      }
    },
    router: (routerOptions) =>
      createRouter({ ...routerOptions, file: routingFile, store: runtime.store, clock: runtime.clock }),
    events: ({ since = 0, signal } = {}) =>
      followEvents({
        store: runtime.store,
        clock: runtime.clock,
        since,
        signal,
        onOwnEvent: (listener) => modelops.onAny(listener),
      }),
    onAny(listener) {
      const stops = [
        registry.onAny(listener),
        evaluator.onAny(listener),
        trainer.events.onAny(listener),
        approvals.events.onAny(listener),
        ...(deployer ? [deployer.onAny(listener)] : []),
      ];
      return () => {
        for (const stop of stops) stop();
      };
    },
    async close() {
      await Promise.allSettled([...opened].map((model) => model.close?.()));
      await registry.close();
      await trainer.close();
      await Promise.all([backend.close?.(), ...[...targets.values()].map((target) => target.close?.())]);
      await tracer?.flush();
      await ownStore?.close();
    },
    [Symbol.asyncDispose]: () => modelops.close(),
  };
  return modelops;
}

/** The environment may ask for traces in vain: without a key, nothing can be sent and nothing is broken. */
function tracerOf(tracing: Tracer | boolean | undefined, runtime: Runtime): Tracer | null {
  if (typeof tracing === "object") return tracing;
  if (tracing === false || (tracing === undefined && !isTracingRequested())) return null;
  const { fetch, logger } = runtime;
  try {
    return langSmithTracing({ fetch, logger });
  } catch (error) {
    if (tracing === true) throw error;
    logger.warn(`LANGSMITH_TRACING is set, and nothing is traced: ${(error as Error).message}`);
    return null;
  }
}
