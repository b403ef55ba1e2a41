import { dirname } from "node:path";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { sweepTemporaryFiles } from "../files/temporary-files.ts";
import { hasModel } from "../model/served-routing.ts";
import { type DeployerContext, reach, tryOperationLock } from "./deployer-context.ts";
import { type Drift, findDrift } from "./drift/drift.ts";
import { DRILL_VERSION } from "./operations/drill.ts";
import { runForward } from "./operations/forward.ts";
import { syncRegistryPointers } from "./operations/registry-pointers.ts";
import { reload, restoreConfig } from "./operations/restore-config.ts";
import { finishRollback, runRollback } from "./operations/rollback.ts";
import { isSameDeployment } from "./retirement/needed-deployments.ts";
import { sweepOrphans, type TargetSweep } from "./retirement/orphans.ts";
import { type IdleDeployment, retireIdle } from "./retirement/retire-idle.ts";
import type { Operation } from "./state/records.ts";
import { type RolledBack, rolledBack, type Serving } from "./state/serving.ts";

export interface ReconcileReport {
  readonly agents: readonly {
    readonly agent: string;
    /** What was done, in words; empty when everything was in order. */
    readonly actions: readonly string[];
    /** Why an open operation could not be brought to an end, null when it was or there was none. */
    readonly problem: string | null;
  }[];
  readonly drift: readonly Drift[];
  /** Deployments that nothing leads to and that still exist, with the reason. */
  readonly idle: readonly IdleDeployment[];
  /** What targets hold under our mark without a deployment of ours; empty when only one agent is looked at. */
  readonly targets: readonly TargetSweep[];
}

/** Brings every open operation of dead processes to its end and the files in line with the store. */
export async function reconcileAgents(
  context: DeployerContext,
  options: { readonly agent?: string; readonly signal?: AbortSignal },
): Promise<ReconcileReport> {
  await sweepTemporaryFiles(dirname(context.settings.routingFile));
  const stored = (await context.store.servings()).map((serving) => serving.agent);
  const all = [...new Set([...stored, ...(await context.store.copiedAgents())])].sort();
  const agents = options.agent === undefined ? all : all.filter((agent) => agent === options.agent);
  const reports: ReconcileReport["agents"][number][] = [];
  const idle: IdleDeployment[] = [];
  for (const agent of agents) {
    const actions: string[] = [];
    let problem: string | null = null;
    try {
      if (await adoptPendingRollback(context, agent))
        actions.push("took over a rollback made while the store was down");
      actions.push(...(await finishOpenOperation(context, agent, options.signal)));
    } catch (error) {
      options.signal?.throwIfAborted();
      problem = error instanceof Error ? error.message : String(error);
    }
    reports.push({ agent, actions, problem });
  }
  const before = await context.publisher.onDisk();
  const servings = await context.store.servings();
  if (servings.some(hasModel)) {
    const table = await context.publisher.publish();
    if (before?.sha256 !== table.sha256) {
      const changed = reports.find((report) => report.agent === (options.agent ?? report.agent));
      if (changed)
        reports.splice(reports.indexOf(changed), 1, withAction(changed, "wrote the routing table anew"));
    }
  }
  for (const [index, report] of reports.entries()) {
    try {
      const retirement = await retireIdle(context, report.agent, options);
      idle.push(...retirement.idle);
      reports[index] = { ...report, actions: [...report.actions, ...retirement.actions] };
    } catch (error) {
      options.signal?.throwIfAborted();
      const problem = error instanceof Error ? error.message : String(error);
      reports[index] = { ...report, problem: report.problem ?? problem };
    }
  }
  const targets = options.agent === undefined ? await sweepOrphans(context, options) : [];
  return { agents: reports, drift: await findDrift(context, options), idle, targets };
}

function withAction(
  report: ReconcileReport["agents"][number],
  action: string,
): ReconcileReport["agents"][number] {
  return { ...report, actions: [...report.actions, action] };
}

/** The file is ahead of the store when a rollback was made while the store could not be written. */
async function adoptPendingRollback(context: DeployerContext, agent: string): Promise<boolean> {
  const copy = await context.store.copy(agent);
  const { serving } = await context.store.read(agent);
  const disk = (await context.publisher.onDisk())?.agents[agent];
  const ahead =
    copy?.pending && copy.serving.generation > (serving?.generation ?? 0)
      ? copy.serving
      : fromDisk(serving, disk);
  if (!ahead) return false;
  // Everything that follows from it comes before it is written down as done, since nobody would look again after that.
  const config = await restoreHostFile(context, serving, ahead);
  await reach(context, "adopt.config-restored");
  await syncRegistryPointers(context, ahead, "rollback made while the store was down");
  await reach(context, "adopt.before");
  await context.store.update(agent, (state, at) => {
    const open = state.operation;
    const closed: Serving = { ...ahead, openOperationId: null };
    return {
      change: {
        serving: closed,
        operations: open ? [{ ...open, state: "superseded" as const, endedAt: at }] : [],
        rollout:
          state.rollout && state.rollout.version !== closed.baseline.version && closed.canary === null
            ? { ...state.rollout, state: "rolled-back", endedAt: at, reason: copy?.reason ?? null }
            : undefined,
        audit: [
          {
            action: "rollback.reconciled",
            subject: `${agent}@${closed.baseline.version}`,
            reason: copy?.reason ?? "the routing table was ahead of the store",
            evidence: { generation: closed.generation, config },
          },
        ],
      },
      result: undefined,
    };
  });
  await reach(context, "adopt.after");
  return true;
}

/** Undoes the edits that lie between what the store knows and what is in force. */
async function restoreHostFile(
  context: DeployerContext,
  before: Serving | null,
  ahead: Serving,
): Promise<string> {
  const undo = before ? (rollbacksOf(before).find((target) => leadsTo(target, ahead))?.undo ?? []) : [];
  const warnings: string[] = [];
  const change = { agent: ahead.agent, model: ahead.baseline, configEdit: null, undo: [...undo] };
  const { restored } = await restoreConfig(context, change, warnings);
  await reload(context, restored, warnings);
  for (const warning of warnings) context.runtime.logger.warn(warning);
  return restored;
}

function rollbacksOf(serving: Serving): readonly RolledBack[] {
  const versions = [null, ...serving.history.map((entry) => entry.model.version)];
  return versions.flatMap((version) => rolledBack(serving, version) ?? []);
}

function leadsTo(target: RolledBack, serving: Pick<Serving, "baseline">): boolean {
  return isSameDeployment(target.serving.baseline, serving.baseline);
}

/** The copy is lost, too: what the table says must be a state that a rollback leads to. */
function fromDisk(
  serving: Serving | null,
  disk:
    | {
        readonly generation: number;
        readonly fence: number;
        readonly arms: readonly { deploymentId: string }[];
      }
    | undefined,
): Serving | null {
  if (!serving || !disk || disk.generation <= serving.generation || disk.arms.length !== 1) return null;
  const served = disk.arms[0]?.deploymentId;
  const match = rollbacksOf(serving).find((target) => target.serving.baseline.deploymentId === served);
  if (!match) return null;
  const { generation, fence } = disk;
  return { ...match.serving, generation, fence: Math.max(fence, serving.fence) + 1, routingFence: fence };
}

async function finishOpenOperation(
  context: DeployerContext,
  agent: string,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const { serving, operation } = await context.store.read(agent);
  if (serving?.canary?.version === DRILL_VERSION && !operation) {
    const reason = "the process that rehearsed a rollback died";
    await runRollback(context, { agent, to: null, from: DRILL_VERSION, reason, kind: "drill", signal });
    return ["ended a drill whose process died"];
  }
  if (!serving?.openOperationId || !operation) return [];
  const lock = tryOperationLock(context, operation.operationId);
  // Its process is alive and at work: leave it alone.
  if (!lock) return [`left ${operation.kind} ${operation.operationId} to process ${operation.owner.pid}`];
  try {
    return [await finish(context, serving, operation, signal)];
  } finally {
    lock.release();
  }
}

async function finish(
  context: DeployerContext,
  serving: Serving,
  operation: Operation,
  signal: AbortSignal | undefined,
): Promise<string> {
  const name = `${operation.kind} ${operation.operationId} (was at ${operation.step})`;
  if (operation.kind === "rollback" || operation.kind === "drill") {
    await finishRollback(context, {
      operation,
      serving,
      storeError: null,
      startedMs: performance.now(),
      input: {
        agent: operation.agent,
        to: null,
        from: null,
        reason: operation.reason ?? "",
        kind: operation.kind,
        signal,
      },
    });
    return `finished ${name}`;
  }
  try {
    await runForward(context, operation, { signal });
    return `finished ${name}`;
  } catch (error) {
    const after = await context.store.operation(operation.agent, operation.operationId);
    if (after?.state !== "compensated") throw error;
    return `took back ${name}: ${ModelOpsError.isInstance(error) ? error.code : String(error)}`;
  }
}
