import { hostname } from "node:os";
import { join } from "node:path";
import type { DeployTarget } from "../contract/deploy-target.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { FileLock } from "../files/file-lock.ts";
import { tryFileLock } from "../files/file-lock.ts";
import type { Runtime } from "../runtime.ts";
import type { DeployerSettings } from "./deployer-options.ts";
import type { DeploymentRegistry } from "./deployment-registry.ts";
import type { HostConfig } from "./host-config/host-config-options.ts";
import type { RoutingPublisher } from "./routing-publisher.ts";
import type { DeploymentStore } from "./state/deployment-store.ts";
import type { Operation } from "./state/records.ts";

/** What the steps of an operation work with. */
export interface DeployerContext {
  readonly runtime: Runtime;
  readonly settings: DeployerSettings;
  readonly registry: DeploymentRegistry;
  readonly targets: ReadonlyMap<string, DeployTarget>;
  readonly hostConfig: HostConfig | null;
  readonly backupFolder: string;
  readonly store: DeploymentStore;
  readonly publisher: RoutingPublisher;
}

/** Announces a step, so that tests can crash before or after it. */
export async function reach(context: DeployerContext, point: string): Promise<void> {
  await context.settings.failpoint?.(point);
}

export function requireTarget(context: DeployerContext, targetId: string): DeployTarget {
  const target = context.targets.get(targetId);
  if (target) return target;
  throw new ModelOpsError({
    code: "deployment/unknown-target",
    message: `There is no target ${JSON.stringify(targetId)}.`,
    reason: `This deployer has ${[...context.targets.keys()].join(", ")}.`,
    fix: "pass the target to the deployer, or name one it has.",
  });
}

export function ownerOfThisProcess(): Operation["owner"] {
  return { pid: process.pid, hostname: hostname() };
}

/** The lock an operation holds while its process works on it: free means that nobody does any more. */
export function tryOperationLock(context: DeployerContext, operationId: string): FileLock | null {
  return tryFileLock(join(context.runtime.home, "deployment", "locks", `${operationId}.lock`));
}

export function inProgress(operation: Operation): ModelOpsError {
  return new ModelOpsError({
    code: "deployment/operation-in-progress",
    message: `A ${operation.kind} of ${operation.agent} is under way (${operation.operationId}, since ${operation.startedAt}).`,
    reason: `Process ${operation.owner.pid} on ${operation.owner.hostname} works on it; one change at a time per agent.`,
    fix: "wait for it to end; rollback() takes precedence over a deployment if it must stop now.",
    isRetryable: true,
    details: { operationId: operation.operationId, kind: operation.kind },
  });
}

export function superseded(operation: Pick<Operation, "operationId" | "kind" | "agent">): ModelOpsError {
  return new ModelOpsError({
    code: "deployment/superseded",
    message: `The ${operation.kind} of ${operation.agent} (${operation.operationId}) was overtaken.`,
    reason:
      "A later operation (such as a rollback) took over the agent; this one changed nothing after that.",
    fix: "look at status() and start again if it is still wanted.",
  });
}
