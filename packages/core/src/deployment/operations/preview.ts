import type { TargetCheck } from "../../contract/deploy-target.ts";
import { ModelOpsError } from "../../errors/modelops-error.ts";
import type { ModelVersion } from "../../model/model-version.ts";
import type { CompleteRolloutPlan } from "../../model/rollout-plan.ts";
import { type DeployerContext, requireTarget } from "../deployer-context.ts";
import type { DeploymentPreview } from "../deployer-options.ts";
import { planConfigEdit } from "../host-config/models-config.ts";
import { isSameDeployment, neededModels } from "../retirement/needed-deployments.ts";
import { promoted, type Serving } from "../state/serving.ts";

export interface PreviewInput {
  readonly agent: string;
  readonly version: string;
  readonly targetId: string;
  readonly plan: CompleteRolloutPlan;
  /** Sessions per hour of this agent; without it no dates can be expected. */
  readonly trafficPerHour: number | null;
  readonly signal?: AbortSignal;
}

const HOUR_MS = 3_600_000;

/** Everything that can be known before a deployment, without side effects. */
export async function previewDeployment(
  context: DeployerContext,
  input: PreviewInput,
): Promise<DeploymentPreview> {
  const { agent, version, targetId, plan, signal } = input;
  const target = requireTarget(context, targetId);
  const registered = await context.registry.getVersion({ agent, version });
  const { serving } = await context.store.read(agent);
  const problems: { message: string; fix: string }[] = [];
  const check: TargetCheck = await target.check(
    { agent, version, modelId: registered.modelId, artifact: registered.artifact },
    { signal },
  );
  problems.push(...check.problems);
  if (!check.canServe && check.problems.length === 0) {
    problems.push({
      message: `${targetId} cannot serve ${registered.modelId}.`,
      fix: "choose another target.",
    });
  }
  const evaluated = isEvaluated(registered);
  if (!evaluated) problems.push(notEvaluated(agent, version));
  if (registered.deploymentStatus === "archived") {
    problems.push({
      message: `${version} of ${agent} is archived.`,
      fix: `go back to it with rollback({ agent, to: "${version}" }), or register it again as a new version.`,
    });
  }
  const { configEdit, problem } = await previewEdit(context, input, registered);
  if (problem) problems.push(problem);
  return {
    agent,
    version,
    modelId: registered.modelId,
    target: targetId,
    evaluated,
    baseline: serving?.baseline.version ?? null,
    steps: expectedSteps(plan, context.runtime.clock.now(), input.trafficPerHour),
    configEdit,
    price: check.price,
    notes: check.notes,
    retires: serving ? await retiredBy(context, serving, { version, targetId }) : [],
    problems,
  };
}

/** What nothing will lead to any more when the version has replaced the baseline. */
async function retiredBy(
  context: DeployerContext,
  serving: Serving,
  next: { readonly version: string; readonly targetId: string },
): Promise<readonly string[]> {
  const { retirement } = context.settings;
  if (retirement.action === "keep") return [];
  const after = promoted(serving, { ...serving.baseline, ...next, deploymentId: "next" }, null, "");
  const needed = neededModels(after, retirement.keepVersions);
  return (await context.store.deployments(serving.agent))
    .filter(({ state, deployment }) => {
      const isRemovable = context.targets.get(deployment.targetId)?.capabilities.removable ?? false;
      const isNext = deployment.version === next.version && deployment.targetId === next.targetId;
      const isNeeded = needed.some((model) => isSameDeployment(model, deployment));
      return isRemovable && state === "ready" && !isNext && !isNeeded;
    })
    .map(({ deployment }) => deployment.version);
}

/** A version with scores, or one that an evaluation names. */
export function isEvaluated(version: ModelVersion): boolean {
  if (version.lineage.evaluationIds.length > 0) return true;
  return Object.values(version.evalScores ?? {}).some((score) => typeof score === "number");
}

export function notEvaluated(agent: string, version: string): { message: string; fix: string } {
  return {
    message: `${version} of ${agent} was never evaluated.`,
    fix: "compare it with the version in use first, or pass override: { reason } to deploy it all the same.",
  };
}

async function previewEdit(
  context: DeployerContext,
  input: PreviewInput,
  registered: ModelVersion,
): Promise<{
  readonly configEdit: DeploymentPreview["configEdit"];
  readonly problem: { message: string; fix: string } | null;
}> {
  if (!context.hostConfig) return { configEdit: null, problem: null };
  try {
    // The target names the final value when it deploys; the model id is what it is called until then.
    const { edit } = await planConfigEdit({
      config: context.hostConfig,
      agent: input.agent,
      targetId: input.targetId,
      value: registered.modelId,
    });
    return {
      configEdit: {
        file: edit.file,
        line: edit.line,
        path: edit.path.join("."),
        before: edit.valueBefore,
        after: edit.valueAfter,
      },
      problem: null,
    };
  } catch (error) {
    if (!ModelOpsError.isInstance(error)) throw error;
    const message = [error.what, error.reason].filter(Boolean).join(" ");
    return { configEdit: null, problem: { message, fix: error.fix } };
  }
}

function expectedSteps(
  plan: CompleteRolloutPlan,
  now: number,
  trafficPerHour: number | null,
): DeploymentPreview["steps"] {
  let startMs = now;
  return plan.steps.map((step) => {
    const expectedAt = trafficPerHour === null ? null : new Date(startMs).toISOString();
    const trafficMs = trafficPerHour ? (step.minimumSessions / trafficPerHour) * HOUR_MS : 0;
    startMs += Math.max(step.minimumDurationMs, trafficMs);
    const { sharePct, minimumSessions, minimumDurationMs, needsApproval } = step;
    return { sharePct, minimumSessions, minimumDurationMs, needsApproval, expectedAt };
  });
}
