import type { ChatModel } from "../contract/chat-model.ts";
import type { DeployTarget, ModelReference, TargetCheck } from "../contract/deploy-target.ts";
import { lendModel } from "../deployment/lending/lend-model.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { ModelVersion } from "../model/model-version.ts";
import type { Runtime } from "../runtime.ts";

/** Asked before a target starts something that costs money by the hour. */
export type ApproveServing = (check: TargetCheck, model: ModelReference) => boolean | Promise<boolean>;

/** A version as targets know it. */
export function modelReference(version: ModelVersion): ModelReference {
  const { modelId, agent, artifact } = version;
  return { modelId, agent, version: version.version, artifact };
}

/**
 * Makes a version answer on a target, outside of any rollout, and gives its client. Idempotent like the target's own
 * `deploy`. What costs money by the hour and was made for this call is removed when the client is closed. Errors: `target/cannot-serve`, `approval/serving-not-approved`.
 */
export async function serveVersion(options: {
  readonly runtime: Runtime;
  /** Models that still hold something which costs money; the new one is added, and leaves it when it is closed. */
  readonly opened: Set<ChatModel>;
  readonly target: DeployTarget;
  readonly version: ModelVersion;
  readonly approve?: ApproveServing;
  readonly signal?: AbortSignal;
}): Promise<ChatModel> {
  const { target, signal } = options;
  const model = modelReference(options.version);
  const check = await target.check(model, { signal });
  if (!check.canServe) {
    throw new ModelOpsError({
      code: "target/cannot-serve",
      message: `${target.id} cannot serve ${model.agent} ${model.version} (${model.modelId}).`,
      reason: check.problems.map((problem) => problem.message).join(" "),
      fix: check.problems.map((problem) => problem.fix).join(" "),
      details: { problems: check.problems },
    });
  }
  // An unknown price counts as one: nothing is paid for unseen.
  const isPaidByTheHour = target.capabilities.removable && check.price.usdPerHour !== 0;
  if (isPaidByTheHour && (await options.approve?.(check, model)) !== true) {
    const price =
      check.price.usdPerHour === null ? "an unknown price" : `$${check.price.usdPerHour} per hour`;
    throw new ModelOpsError({
      code: "approval/serving-not-approved",
      message: `Serving ${model.agent} ${model.version} on ${target.id} was not approved.`,
      reason: `It would cost ${price} until it is removed.`,
      fix: "pass approveServing, which is shown the price, or pass models that are served already.",
    });
  }
  const idempotencyKey = `evaluation:${model.agent}@${model.version}:${model.modelId}`;
  if (!isPaidByTheHour) {
    const deployment = await target.deploy({ model, idempotencyKey }, { signal });
    return target.chatModel(deployment, { signal });
  }
  const { runtime, opened } = options;
  const { deployment, release } = await lendModel({ runtime, target, model, idempotencyKey, signal });
  try {
    const lent = releasedOnClose(await target.chatModel(deployment, { signal }), async () => {
      await release();
      opened.delete(lent);
    });
    opened.add(lent);
    return lent;
  } catch (error) {
    await release();
    throw error;
  }
}

function releasedOnClose(model: ChatModel, release: () => Promise<void>): ChatModel {
  return {
    contract: model.contract,
    id: model.id,
    generate: (request, options) => model.generate(request, options),
    async close() {
      try {
        await model.close?.();
      } finally {
        await release();
      }
    },
  };
}
