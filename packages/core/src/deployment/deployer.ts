import { join } from "node:path";
import type { DeployTarget } from "../contract/deploy-target.ts";
import { parseOrThrow } from "../errors/from-zod.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { EventSource, type EventSubscriptions } from "../events/event-source.ts";
import { canonicalAgentName } from "../model/agent-name.ts";
import { completeRolloutPlan } from "../model/rollout-plan.ts";
import type { ArmCounters, RouterHeartbeat } from "../model/router-records.ts";
import { emptyArmCounters } from "../model/router-records.ts";
import type { ServedModel } from "../model/routing-table.ts";
import { hasModel, routingOf } from "../model/served-routing.ts";
import type { Runtime } from "../runtime.ts";
import { compileCanaryPlan } from "../statistics/sequential/canary-plan.ts";
import type { DeployerContext } from "./deployer-context.ts";
import type { DeployerEvents } from "./deployer-events.ts";
import {
  type DeployerOptions,
  type DeploymentPreview,
  type DeployRequestOptions,
  deployerOptionsSchema,
} from "./deployer-options.ts";
import { checkRequest } from "./deployer-requests.ts";
import { type Drift, findDrift } from "./drift/drift.ts";
import { runAdvance } from "./operations/advance.ts";
import { runDeploy } from "./operations/deploy.ts";
import { runDrill } from "./operations/drill.ts";
import { setRolloutState } from "./operations/hold.ts";
import { notEvaluated, previewDeployment } from "./operations/preview.ts";
import { runRollback } from "./operations/rollback.ts";
import type { RollbackResult } from "./operations/rollback-contract.ts";
import { type ReconcileReport, reconcileAgents } from "./reconcile.ts";
import { isSameDeployment } from "./retirement/needed-deployments.ts";
import { addArms, rolloutCounters, totalsByGeneration } from "./rollout-totals.ts";
import { RoutingPublisher } from "./routing-publisher.ts";
import { DeploymentStore } from "./state/deployment-store.ts";
import type { Operation, RolloutRecord } from "./state/records.ts";
import type { Serving } from "./state/serving.ts";
import { liveRouters } from "./verification/live-routers.ts";
import { monitorPlan } from "./watch/monitor-plan.ts";
import { compileWatchOptions, type WatchOptions } from "./watch/watch-options.ts";
import { type WatchResult, watchRollout } from "./watch/watch-rollout.ts";

export interface DeployResult {
  readonly deployed: true;
  /** Base URL of the server, null when the model runs in the host's process. */
  readonly endpointUrl: string | null;
  readonly version: string;
  readonly rolloutPct: number;
  readonly deploymentId: string;
  readonly rolloutId: string;
  readonly operationId: string;
  /** The model the host really uses, before and after; null when its configuration was not touched. */
  readonly effectiveModel: { readonly before: string | null; readonly after: string | null } | null;
  /** The host reads its configuration at start only, and nothing told it to read it again. */
  readonly restartRequired: boolean;
  readonly warnings: readonly string[];
}

export interface DeploymentStatusReport {
  readonly agent: string;
  readonly baseline: ServedModel | null;
  readonly canary: ServedModel | null;
  readonly sharePct: number;
  readonly generation: number;
  readonly rollout: Omit<RolloutRecord, "monitor"> | null;
  /** Outcomes of the present rollout, by assigned arm, all routers together. */
  readonly outcomes: {
    readonly baseline: ArmCounters;
    readonly canary: ArmCounters;
    readonly notRandomized: number;
  };
  readonly openOperation: Pick<Operation, "operationId" | "kind" | "step" | "startedAt"> | null;
  readonly routers: readonly Pick<RouterHeartbeat, "routerId" | "generation" | "at" | "tableError">[];
  /** Versions to which `rollback({ to })` can go at once, newest first. */
  readonly rollbackTo: readonly string[];
}

type AgentOption = { readonly agent: string; readonly signal?: AbortSignal };

/**
 * Puts versions in service: deploys to a target, splits traffic, promotes, and takes back. Every change is journalled,
 * so that a crash at any point is brought to its end by `reconcile()`; a rollback is proven before it resolves.
 */
export class Deployer implements EventSubscriptions<DeployerEvents> {
  readonly #context: DeployerContext;
  readonly #events: EventSource<DeployerEvents>;

  /** Error: `input/deployer-options`. */
  constructor(runtime: Runtime, options: DeployerOptions) {
    const settings = parseOrThrow(deployerOptionsSchema, options, {
      code: "input/deployer-options",
      subject: "The deployer's options",
    });
    const events = new EventSource<DeployerEvents>({ onListenerError: runtime.onListenerError });
    this.#events = events;
    const store = new DeploymentStore(runtime, (event) => events.publish(event));
    this.#context = {
      runtime,
      settings,
      registry: settings.registry,
      targets: byId(settings.targets),
      hostConfig: settings.hostConfig ?? null,
      backupFolder: join(runtime.home, "deployment", "config-backups"),
      store,
      publisher: new RoutingPublisher({
        file: settings.routingFile,
        async desired() {
          const servings = (await store.servings()).filter(hasModel);
          return Object.fromEntries(servings.map((serving) => [serving.agent, routingOf(serving)]));
        },
      }),
    };
  }

  on: EventSubscriptions<DeployerEvents>["on"] = (type, listener) => this.#events.on(type, listener);
  once: EventSubscriptions<DeployerEvents>["once"] = (type, listener) => this.#events.once(type, listener);
  off: EventSubscriptions<DeployerEvents>["off"] = (type, listener) => this.#events.off(type, listener);
  onAny: EventSubscriptions<DeployerEvents>["onAny"] = (listener) => this.#events.onAny(listener);

  /** Shows what a deployment would do and what stands in its way, without doing anything. */
  async plan(
    options: Omit<DeployRequestOptions, "approve" | "override"> & {
      /** Sessions per hour of this agent, for the expected dates. */
      readonly trafficPerHour?: number;
    },
  ): Promise<DeploymentPreview> {
    checkRequest("plan", options);
    return previewDeployment(this.#context, {
      agent: canonicalAgentName(options.agent),
      version: options.version,
      targetId: this.#targetId(options.target),
      plan: completeRolloutPlan(options.rollout ?? "canary_20pct"),
      trafficPerHour: options.trafficPerHour ?? null,
      signal: options.signal,
    });
  }

  /**
   * Makes a version available and sends it the first share of the plan. The present model keeps serving whatever goes
   * wrong. At 100 % the host's configuration is changed in its one line.
   *
   * Errors: `deployment/not-evaluated`, `deployment/cannot-serve`, `deployment/not-approved`,
   * `deployment/operation-in-progress`, `deployment/rollout-in-progress`, `deployment/no-baseline`,
   * `deployment/not-healthy`, `deployment/probe-failed`, `deployment/edit-has-no-effect`, `config/*`, `target/*`.
   */
  async deploy(options: DeployRequestOptions): Promise<DeployResult> {
    checkRequest("deploy", options);
    const context = this.#context;
    const agent = canonicalAgentName(options.agent);
    const targetId = this.#targetId(options.target);
    const plan = completeRolloutPlan(options.rollout ?? "canary_20pct");
    // A plan that the monitor cannot follow must be refused now, not when the canary already runs.
    compileCanaryPlan(monitorPlan(plan));
    await this.#finishWhatDied(agent, options.signal);
    const preview = await previewDeployment(context, {
      agent,
      version: options.version,
      targetId,
      plan,
      trafficPerHour: null,
      signal: options.signal,
    });
    const override = options.override?.reason.trim() || null;
    refuseProblems(preview, override);
    const needsApproval = plan.steps[0]?.needsApproval ?? false;
    if (options.approve ? (await options.approve(preview)) !== true : needsApproval)
      throw notApproved(preview);
    const { operation, serving, restartRequired, warnings } = await runDeploy(context, {
      agent,
      version: options.version,
      targetId,
      plan,
      override,
      signal: options.signal,
    });
    const model = operation.model ?? serving.baseline;
    return {
      deployed: true,
      endpointUrl: model.baseUrl,
      version: model.version,
      rolloutPct: operation.sharePct,
      deploymentId: model.deploymentId,
      rolloutId: serving.rolloutId,
      operationId: operation.operationId,
      effectiveModel: effectiveOf(operation),
      restartRequired,
      warnings,
    };
  }

  /**
   * Raises the canary to the next step, or to `to` per cent; at 100 % it becomes the baseline. Errors:
   * `deployment/no-canary`, `deployment/share-not-rising`, `deployment/approval-required`.
   */
  async promote(
    options: AgentOption & { readonly to?: number; readonly approvedBy?: string },
  ): Promise<DeployResult> {
    checkRequest("promote", options);
    const agent = canonicalAgentName(options.agent);
    await this.#finishWhatDied(agent, options.signal);
    const { operation, serving, restartRequired, warnings } = await runAdvance(this.#context, {
      agent,
      to: options.to ?? null,
      reason: options.approvedBy ? `approved by ${options.approvedBy}` : "manual",
      isApproved: options.approvedBy !== undefined,
      signal: options.signal,
    });
    const model = operation.model ?? serving.baseline;
    return {
      deployed: true,
      endpointUrl: model.baseUrl,
      version: model.version,
      rolloutPct: operation.sharePct,
      deploymentId: model.deploymentId,
      rolloutId: serving.rolloutId,
      operationId: operation.operationId,
      effectiveModel: effectiveOf(operation),
      restartRequired,
      warnings,
    };
  }

  /** Keeps the canary at its share until `resume()` or a person's `promote()`. */
  async hold(options: AgentOption & { readonly reason: string }): Promise<void> {
    checkRequest("hold", options);
    await setRolloutState(this.#context, canonicalAgentName(options.agent), "held", options.reason);
  }

  /**
   * Lets the auto-pilot go on after a hold. Where the alarm of a guardrail had held it, the alarm is accepted: that
   * guardrail is observed only for the rest of the rollout, and the others stay armed.
   */
  async resume(options: AgentOption & { readonly reason?: string }): Promise<void> {
    checkRequest("resume", options);
    const reason = options.reason ?? "resumed";
    await setRolloutState(this.#context, canonicalAgentName(options.agent), "running", reason);
  }

  /** Takes the running canary back; the baseline is not touched. Error: `deployment/no-canary`. */
  async abort(options: AgentOption & { readonly reason: string }): Promise<RollbackResult> {
    checkRequest("abort", options);
    const agent = canonicalAgentName(options.agent);
    const { serving } = await this.#context.store.read(agent);
    if (!serving?.canary) {
      throw new ModelOpsError({
        code: "deployment/no-canary",
        message: `${agent} has no canary to abort.`,
        fix: "use rollback() to take back a promoted version.",
      });
    }
    return this.rollback({ ...options, agent, from: serving.canary.version });
  }

  /**
   * Takes the last change back (a running canary, else the last promotion), or goes to any version with `to`. Resolves
   * when it is proven: table published, live routers acknowledged, a test call answered, last call on the removed
   * version over; `verification.missing` says what is not. Needs neither gates nor a writable store.
   *
   * Errors: `deployment/nothing-to-roll-back-to`, `deployment/already-rolled-back` (with `from`).
   */
  async rollback(
    options: AgentOption & { readonly to?: string; readonly from?: string; readonly reason: string },
  ): Promise<RollbackResult> {
    checkRequest("rollback", options);
    return runRollback(this.#context, {
      agent: canonicalAgentName(options.agent),
      to: options.to ?? null,
      from: options.from ?? null,
      reason: options.reason,
      kind: "rollback",
      signal: options.signal,
    });
  }

  /**
   * The auto-pilot: advances the running rollout when its plan is met, takes it back on alarm, stops where a person must
   * decide. Resolves when the rollout has ended. Many processes may watch, one acts. Evidence and decisions are in the
   * store, so that it continues after a restart. Rejects with the signal's reason when aborted; the rollout stays.
   *
   * Error: `input/watch-options`.
   */
  async watch(options: WatchOptions): Promise<WatchResult> {
    const settings = compileWatchOptions(options);
    return watchRollout(this.#context, { ...settings, agent: canonicalAgentName(settings.agent) });
  }

  /** Rehearses a rollback for real, with a canary of 0 %: same files, same routers, same proof, no session affected. */
  async drill(options: AgentOption): Promise<RollbackResult> {
    checkRequest("drill", options);
    const agent = canonicalAgentName(options.agent);
    await this.#finishWhatDied(agent, options.signal);
    return runDrill(this.#context, { agent, signal: options.signal });
  }

  async status(options: AgentOption): Promise<DeploymentStatusReport> {
    checkRequest("status", options);
    const agent = canonicalAgentName(options.agent);
    const { store, runtime } = this.#context;
    const { serving, rollout, operation } = await store.read(agent);
    const counters = serving ? await rolloutCounters(runtime.store, serving.rolloutId) : [];
    const totals = totalsByGeneration(counters);
    const sum = (arm: "baseline" | "canary") =>
      totals.reduce((sums, entry) => addArms(sums, entry[arm]), emptyArmCounters());
    const routers = await liveRouters(runtime.store, runtime.clock.now());
    return {
      agent,
      baseline: serving && hasModel(serving) ? serving.baseline : null,
      canary: serving?.canary ?? null,
      sharePct: serving?.sharePct ?? 0,
      generation: serving?.generation ?? 0,
      rollout: rollout ? withoutMonitor(rollout) : null,
      outcomes: {
        baseline: sum("baseline"),
        canary: sum("canary"),
        notRandomized: totals.reduce((total, entry) => total + entry.notRandomized, 0),
      },
      openOperation: operation
        ? {
            operationId: operation.operationId,
            kind: operation.kind,
            step: operation.step,
            startedAt: operation.startedAt,
          }
        : null,
      routers: routers.map(({ routerId, generation, at, tableError }) => ({
        routerId,
        generation,
        at,
        tableError,
      })),
      rollbackTo: serving ? await reachableVersions(this.#context, serving) : [],
    };
  }

  /** What each agent's sessions reach now. */
  async listAgentModels(): Promise<
    readonly {
      readonly agent: string;
      readonly baseline: ServedModel;
      readonly canary: ServedModel | null;
      readonly sharePct: number;
    }[]
  > {
    const servings = (await this.#context.store.servings()).filter(hasModel);
    return servings.map(({ agent, baseline, canary, sharePct }) => ({ agent, baseline, canary, sharePct }));
  }

  /**
   * Brings operations of dead processes to their end and the files in line with the store. Run it at start and after
   * trouble; running it twice is calm. A live operation of another process is left alone. Deployments that no session
   * reaches any more are retired, and what a target holds under our mark without one is listed and, after a grace
   * period, removed.
   */
  async reconcile(
    options: { readonly agent?: string; readonly signal?: AbortSignal } = {},
  ): Promise<ReconcileReport> {
    checkRequest("reconcile", options);
    const agent = options.agent === undefined ? undefined : canonicalAgentName(options.agent);
    return reconcileAgents(this.#context, { agent, signal: options.signal });
  }

  /**
   * Where the routing table, the host's file, the registry's pointers and the targets differ from what was deployed, and
   * what could not be asked. Changes nothing.
   */
  async drift(
    options: { readonly agent?: string; readonly signal?: AbortSignal } = {},
  ): Promise<readonly Drift[]> {
    checkRequest("drift", options);
    const agent = options.agent === undefined ? undefined : canonicalAgentName(options.agent);
    return findDrift(this.#context, { agent, signal: options.signal });
  }

  #targetId(target: string | undefined): string {
    const ids = [...this.#context.targets.keys()];
    if (target !== undefined) return target;
    const [only] = ids;
    if (ids.length === 1 && only !== undefined) return only;
    throw new ModelOpsError({
      code: "input/target",
      message: "Which target to deploy to is not said.",
      reason: `This deployer has ${ids.join(", ")}.`,
      fix: "pass target.",
    });
  }

  /** An operation whose process died is brought to its end first, so that nobody has to ask for it. */
  async #finishWhatDied(agent: string, signal: AbortSignal | undefined): Promise<void> {
    const { serving } = await this.#context.store.read(agent);
    const copy = await this.#context.store.copy(agent);
    if (serving?.openOperationId || copy?.pending) await reconcileAgents(this.#context, { agent, signal });
  }
}

function byId(targets: readonly DeployTarget[]): ReadonlyMap<string, DeployTarget> {
  const map = new Map(targets.map((target) => [target.id, target]));
  if (map.size === targets.length) return map;
  throw new ModelOpsError({
    code: "input/deployer-options",
    message: "Two targets have the same id.",
    reason: `The ids are ${targets.map((target) => target.id).join(", ")}.`,
    fix: "give each target its own id.",
  });
}

/** Versions that served before and can answer now, newest first. */
async function reachableVersions(context: DeployerContext, serving: Serving): Promise<readonly string[]> {
  const records = await context.store.deployments(serving.agent);
  const reachable = serving.history.filter(({ model }) => {
    const record = records.find(({ deployment }) => isSameDeployment(deployment, model));
    return hasModel({ baseline: model }) && (!record || record.state === "ready");
  });
  return [...new Set(reachable.map((entry) => entry.model.version))].reverse();
}

function withoutMonitor({ monitor: _, ...rollout }: RolloutRecord): Omit<RolloutRecord, "monitor"> {
  return rollout;
}

function effectiveOf({ configEdit }: Operation): DeployResult["effectiveModel"] {
  return configEdit ? { before: configEdit.effectiveBefore, after: configEdit.effectiveAfter } : null;
}

function refuseProblems(preview: DeploymentPreview, override: string | null): void {
  const { agent, version } = preview;
  const missing = notEvaluated(agent, version);
  const [problem] = preview.problems.filter((found) => found.message !== missing.message);
  if (problem) {
    throw new ModelOpsError({
      code: "deployment/cannot-serve",
      message: `${version} of ${agent} cannot be deployed to ${preview.target}.`,
      reason: preview.problems.map((found) => found.message).join(" "),
      fix: problem.fix,
      details: { problems: preview.problems },
    });
  }
  if (!preview.evaluated && override === null) {
    throw new ModelOpsError({ code: "deployment/not-evaluated", ...missing });
  }
}

function notApproved(preview: DeploymentPreview): ModelOpsError {
  return new ModelOpsError({
    code: "deployment/not-approved",
    message: `The deployment of ${preview.version} for ${preview.agent} was not approved.`,
    reason: "Nothing was changed.",
    fix: "pass approve, and let it return true when a person agrees.",
  });
}
