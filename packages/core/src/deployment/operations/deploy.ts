import { ModelOpsError } from "../../errors/modelops-error.ts";
import type { CompleteRolloutPlan } from "../../model/rollout-plan.ts";
import type { ServedModel } from "../../model/routing-table.ts";
import { NO_MODEL_ID } from "../../model/served-routing.ts";
import { newEvent } from "../../runtime.ts";
import { type DeployerContext, inProgress, reach, tryOperationLock } from "../deployer-context.ts";
import { readHostFile, sha256Hex } from "../host-config/host-file.ts";
import { effectiveModel } from "../host-config/models-config.ts";
import type { Operation } from "../state/records.ts";
import type { Serving } from "../state/serving.ts";
import { type ForwardResult, runForward } from "./forward.ts";
import { deployVersion, readyRecord, servedModelOf } from "./make-available.ts";
import { newOperation } from "./new-operation.ts";
import { UNMANAGED_VERSION } from "./registry-pointers.ts";

export interface DeployInput {
  readonly agent: string;
  readonly version: string;
  readonly targetId: string;
  readonly plan: CompleteRolloutPlan;
  readonly override: string | null;
  readonly signal?: AbortSignal;
}

/** S1 and everything after it. The checks of `plan()` were made before. */
export async function runDeploy(context: DeployerContext, input: DeployInput): Promise<ForwardResult> {
  const { agent, version, targetId, plan } = input;
  const sharePct = plan.steps[0]?.sharePct ?? 100;
  const rolloutId = `rollout-${context.runtime.generateId()}`;
  const { serving } = await context.store.read(agent);
  const operation = newOperation(context.runtime, {
    agent,
    kind: "deploy",
    step: "S1",
    reason: input.override,
    request: { version, targetId, plan, rolloutId },
    sharePct,
  });
  const { operationId } = operation;
  const adopted = serving
    ? null
    : await adoptBaseline(context, { agent, targetId, operationId, signal: input.signal });
  if (!serving && !adopted && sharePct < 100) throw noBaseline(agent);
  const lock = tryOperationLock(context, operationId);
  try {
    await reach(context, "S1.before");
    const begun = await context.store.update(agent, (state, at) => {
      const before = state.serving;
      if (before?.openOperationId && state.operation) throw inProgress(state.operation);
      if (before?.canary) throw rolloutInProgress(agent, before.canary.version);
      if (before?.baseline.version === version && sharePct < 100) throw alreadyServing(agent, version);
      const opened = openServing({ before, adopted, agent, version, rolloutId, operation });
      const started: Operation = { ...operation, fence: opened.fence };
      return {
        change: {
          serving: opened,
          operations: [started],
          audit: [
            {
              action: input.override ? "deploy.started-with-override" : "deploy.started",
              subject: `${agent}@${version}`,
              operationId: operation.operationId,
              reason: input.override,
              evidence: { target: targetId, sharePct: String(sharePct), at },
            },
          ],
          events: [
            newEvent(context.runtime, {
              type: "deployment.started",
              agent,
              subject: `${agent}@${version}`,
              data: { version, target: targetId, operationId: operation.operationId },
            }),
          ],
        },
        result: started,
      };
    });
    await reach(context, "S1.after");
    return await runForward(context, begun, { signal: input.signal });
  } finally {
    lock?.release();
  }
}

/**
 * The serving state while the operation is open: as it was, with the fence raised. Before the first deployment ever
 * there is nothing to show yet, so the placeholder baseline is what the host runs now.
 */
function openServing(options: {
  readonly before: Serving | null;
  readonly adopted: ServedModel | null;
  readonly agent: string;
  readonly version: string;
  readonly rolloutId: string;
  readonly operation: Operation;
}): Serving {
  const { before, adopted, agent, rolloutId, operation } = options;
  const base: Serving = before ?? {
    v: 1,
    agent,
    generation: 1,
    fence: 0,
    routingFence: 0,
    rolloutId,
    baseline: adopted ?? nothingYet(options.version),
    canary: null,
    sharePct: 0,
    caps: { latencyMs: null, costUsd: null },
    history: [],
    openOperationId: null,
  };
  return { ...base, fence: base.fence + 1, openOperationId: operation.operationId };
}

function nothingYet(version: string): ServedModel {
  return {
    version: `before-${version}`,
    modelId: NO_MODEL_ID,
    targetId: NO_MODEL_ID,
    deploymentId: NO_MODEL_ID,
    configValue: NO_MODEL_ID,
    baseUrl: null,
  };
}

/** What serves the agent before its first deployment: what the host's configuration names, or the registry's current version. */
async function adoptBaseline(
  context: DeployerContext,
  options: {
    readonly agent: string;
    readonly targetId: string;
    readonly operationId: string;
    readonly signal?: AbortSignal;
  },
): Promise<ServedModel | null> {
  const { agent, targetId, operationId, signal } = options;
  const { current } = await context.registry.pointers({ agent });
  const registered = current ? await context.registry.getVersion({ agent, version: current }) : null;
  const configured = await configuredModel(context, agent, targetId);
  if (configured) {
    const isRegistered =
      registered !== null && (registered.modelId === configured || registered.hubRepo === configured);
    return {
      version: isRegistered ? registered.version : UNMANAGED_VERSION,
      modelId: configured,
      targetId,
      deploymentId: `adopted-${sha256Hex(`${agent} ${targetId} ${configured}`).slice(0, 12)}`,
      configValue: configured,
      baseUrl: null,
    };
  }
  if (!registered) return null;
  const { version } = registered;
  const deployment = await deployVersion(context, { agent, version, targetId, signal });
  const known = await context.store.deployment(agent, deployment.deploymentId);
  await context.store.update(agent, (_, at) => {
    const record = readyRecord({ deployment, operationId, at, known });
    return { change: { deployments: [record] }, result: undefined };
  });
  return servedModelOf(deployment);
}

async function configuredModel(
  context: DeployerContext,
  agent: string,
  targetId: string,
): Promise<string | null> {
  if (!context.hostConfig) return null;
  const { source } = await readHostFile(context.hostConfig.file);
  return effectiveModel(context.hostConfig, source, agent, targetId).value;
}

function noBaseline(agent: string): ModelOpsError {
  return new ModelOpsError({
    code: "deployment/no-baseline",
    message: `${agent} has no model in use to compare a canary with.`,
    reason: "Neither the host's configuration nor the registry names one.",
    fix: 'deploy the present model first with rollout "immediate", or deploy this version that way.',
  });
}

function alreadyServing(agent: string, version: string): ModelOpsError {
  return new ModelOpsError({
    code: "deployment/already-serving",
    message: `${version} is the version ${agent} uses already.`,
    reason: "A canary of the same version would compare a model with itself.",
    fix: "deploy another version.",
  });
}

function rolloutInProgress(agent: string, version: string): ModelOpsError {
  return new ModelOpsError({
    code: "deployment/rollout-in-progress",
    message: `${version} of ${agent} is still being rolled out.`,
    reason: "One canary per agent at a time.",
    fix: "promote it, or abort it, and deploy again.",
  });
}
