import type { TargetDeployment } from "../../contract/deploy-target.ts";
import { ModelOpsError } from "../../errors/modelops-error.ts";
import type { ServedModel } from "../../model/routing-table.ts";
import { type DeployerContext, reach, requireTarget } from "../deployer-context.ts";
import { installationOwner } from "../state/installation.ts";
import type { DeploymentRecord, Operation } from "../state/records.ts";
import { probeDeployment } from "../verification/probe.ts";
import { isPast, owned } from "./owned-operation.ts";

const READY_POLL_MS = 1000;

/** S2–S4: the model exists, is healthy and has answered a call. Nothing is routed to it yet. */
export async function make(
  context: DeployerContext,
  started: Operation,
  signal?: AbortSignal,
): Promise<Operation> {
  let operation = started;
  if (operation.kind !== "deploy" || !operation.request || isPast(operation, "S4")) return operation;
  const { version, targetId } = operation.request;
  const { agent } = operation;
  await reach(context, "S2.before");
  signal?.throwIfAborted();
  const deployment = await deployVersion(context, { agent, version, targetId, signal });
  await reach(context, "S2.after");
  const model: ServedModel = servedModelOf(deployment);
  const { operationId } = operation;
  const known = await context.store.deployment(agent, deployment.deploymentId);
  operation = await context.store
    .update(agent, (state, at) => {
      const next: Operation = { ...owned(state, operation), step: "S3", model };
      const record = readyRecord({ deployment, operationId, at, known });
      return { change: { operations: [next], deployments: [record] }, result: next };
    })
    .catch(async (error: unknown) => {
      // Overtaken: it is there all the same and must be written down, so that it is freed when nothing leads to it.
      await context.store
        .update(agent, (_, at) => {
          const record = readyRecord({ deployment, operationId, at, known });
          return { change: { deployments: [record] }, result: undefined };
        })
        .catch(() => {});
      throw error;
    });
  await reach(context, "S3.after");
  await waitUntilReady(context, deployment, signal);
  await probeDeployment(context, deployment, { signal });
  await reach(context, "S4.before");
  operation = await context.store.update(agent, (state) => {
    const next: Operation = { ...owned(state, operation), step: "S4" };
    return { change: { operations: [next] }, result: next };
  });
  await reach(context, "S4.after");
  return operation;
}

/** The same version on the same target is the same deployment, whoever asks and however often. */
export async function deployVersion(
  context: DeployerContext,
  options: {
    readonly agent: string;
    readonly version: string;
    readonly targetId: string;
    readonly signal?: AbortSignal;
  },
): Promise<TargetDeployment> {
  const { agent, version, targetId, signal } = options;
  const target = requireTarget(context, targetId);
  const { modelId, artifact } = await context.registry.getVersion({ agent, version });
  const owner = await installationOwner(context.runtime);
  const model = { agent, version, modelId, artifact };
  return target.deploy({ model, idempotencyKey: `${agent}@${version}`, owner }, { signal });
}

/** A deployment that can serve. What was there before keeps the operation that made it. */
export function readyRecord(options: {
  readonly deployment: TargetDeployment;
  readonly operationId: string;
  readonly at: string;
  readonly known: DeploymentRecord | null;
}): DeploymentRecord {
  const { deployment, operationId, at, known } = options;
  const isThere = known !== null && known.state !== "removed";
  return {
    v: 1,
    state: "ready",
    deployment,
    operationId: isThere ? known.operationId : operationId,
    createdAt: known?.createdAt ?? at,
    idleSince: null,
    wasInConfig: isThere && known.wasInConfig,
  };
}

export function servedModelOf(deployment: TargetDeployment): ServedModel {
  const { version, modelId, targetId, deploymentId, configValue, baseUrl } = deployment;
  return { version, modelId, targetId, deploymentId, configValue, baseUrl };
}

async function waitUntilReady(
  context: DeployerContext,
  deployment: TargetDeployment,
  signal?: AbortSignal,
): Promise<void> {
  const target = requireTarget(context, deployment.targetId);
  const { clock } = context.runtime;
  const deadline = clock.now() + context.settings.readyTimeoutMs;
  for (;;) {
    const { state, message, servesInstead = null } = await target.status(deployment, { signal });
    if (state === "ready" && servesInstead === null) return;
    if (state === "failed" || state === "absent" || servesInstead !== null || clock.now() > deadline) {
      throw new ModelOpsError({
        code: "deployment/not-healthy",
        message: `${deployment.version} of ${deployment.agent} did not become healthy on ${deployment.targetId}.`,
        reason:
          servesInstead === null
            ? `Its state is ${state}${message ? `: ${message}` : ""}.`
            : `It serves ${servesInstead}, not ${deployment.modelId}.`,
        fix: "look at the target's own logs; the model in use keeps serving.",
        details: { state, deploymentId: deployment.deploymentId },
      });
    }
    if (state === "paused") await target.resume?.(deployment, { signal });
    await clock.sleep(READY_POLL_MS, { signal, keepAlive: true });
  }
}
