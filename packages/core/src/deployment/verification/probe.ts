import type { ChatRequest } from "../../contract/chat-model.ts";
import type { TargetDeployment } from "../../contract/deploy-target.ts";
import { ModelOpsError } from "../../errors/modelops-error.ts";
import type { ServedModel } from "../../model/routing-table.ts";
import type { DeployerContext } from "../deployer-context.ts";

const DEFAULT_REQUEST: ChatRequest = {
  messages: [{ role: "user", content: "Reply with OK." }],
  maxOutputTokens: 8,
  temperature: 0,
};

/** Calls a model once, through the target that serves it. Error: `deployment/probe-failed`. */
export async function probeDeployment(
  context: DeployerContext,
  deployment: TargetDeployment,
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const { probe } = context.settings;
  const target = context.targets.get(deployment.targetId);
  if (!target) throw probeFailed(deployment, `no target ${deployment.targetId} is at hand`, null);
  const timeout = AbortSignal.timeout(probe.timeoutMs);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  try {
    const model = await target.chatModel(deployment, { signal });
    try {
      const result = await model.generate(probe.request ?? DEFAULT_REQUEST, { signal });
      probe.check?.(result);
    } finally {
      await model.close?.();
    }
  } catch (cause) {
    options.signal?.throwIfAborted();
    throw probeFailed(deployment, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

/** The deployment behind an arm: as stored, else rebuilt from what the table says. */
export async function deploymentOf(
  context: DeployerContext,
  agent: string,
  served: ServedModel,
): Promise<TargetDeployment> {
  const record = await context.store.deployment(agent, served.deploymentId).catch(() => null);
  if (record) return record.deployment;
  return { ...served, agent, details: {} };
}

function probeFailed(deployment: TargetDeployment, reason: string, cause: unknown): ModelOpsError {
  return new ModelOpsError({
    code: "deployment/probe-failed",
    message: `${deployment.version} of ${deployment.agent} did not answer a test call.`,
    reason: `${reason.replace(/\.$/, "")}.`,
    fix: "look at the target's status and logs; nothing was routed to it by this call.",
    isRetryable: ModelOpsError.isInstance(cause) && cause.isRetryable,
    cause: cause ?? undefined,
  });
}
