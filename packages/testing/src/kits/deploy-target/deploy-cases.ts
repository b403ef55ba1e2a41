import assert from "node:assert/strict";
import {
  abortedSoon,
  holdsNoSecret,
  rejectsWell,
  rejectsWithReason,
  survivesJson,
} from "../kit-assertions.ts";
import type { DeployTargetCase } from "./deploy-target-place.ts";
import { answers, deploy, stateOf, TARGET_AREAS } from "./target-expectations.ts";

/** Making deployments. */
export const DEPLOY_CASES: readonly DeployTargetCase[] = [
  {
    name: "gives a deployment that names its model, can be stored as JSON and shows no secret",
    async run({ target, model, secrets }) {
      const deployment = await deploy(target, model);
      assert.equal(deployment.targetId, target.id);
      const { modelId, agent, version } = deployment;
      assert.deepEqual(
        { modelId, agent, version },
        { modelId: model.modelId, agent: model.agent, version: model.version },
      );
      assert.ok(deployment.deploymentId.trim(), "the deploymentId is empty");
      assert.ok(deployment.configValue.trim(), "the configValue is empty");
      if (deployment.baseUrl !== null) new URL(deployment.baseUrl);
      survivesJson(deployment, "a deployment");
      holdsNoSecret(deployment, secrets, "the deployment");
    },
  },
  {
    name: "has resolved only when the model answers",
    async run({ target, model }) {
      const deployment = await deploy(target, model);
      assert.equal(await stateOf(target, deployment), "ready");
      await answers(target, deployment);
    },
  },
  {
    name: "adopts what the same key made: one after another, at once, and from another process",
    async run({ target, model, reopen, resources }) {
      const [first, second] = await Promise.all([deploy(target, model, "one"), deploy(target, model, "one")]);
      const after = await resources();
      assert.deepEqual(second, first);
      assert.deepEqual(await deploy(target, model, "one"), first);
      assert.deepEqual(await deploy(await reopen(), model, "one"), first);
      assert.deepEqual(await resources(), after, "the same key made something again");
    },
  },
  {
    name: "gives the same name again to what it has removed",
    async run({ target, model }) {
      const first = await deploy(target, model, "one");
      await target.remove(first);
      const second = await deploy(target, model, "two");
      assert.equal(second.deploymentId, first.deploymentId);
    },
  },
  {
    name: "keeps two versions apart",
    async run({ target, model, otherModel }) {
      const one = await deploy(target, model);
      const other = await deploy(target, otherModel);
      assert.notEqual(other.deploymentId, one.deploymentId);
      assert.notEqual(other.configValue, one.configValue);
      await answers(target, one);
      await answers(target, other);
    },
  },
  {
    name: "leaves nothing that costs money when a start fails",
    async run({ target, model, breakStarts, resources, secrets }) {
      if (!target.capabilities.removable) return;
      assert.ok(breakStarts, "a removable target needs breakStarts from its factory");
      await breakStarts();
      const before = await resources();
      await rejectsWell(deploy(target, model), TARGET_AREAS, secrets);
      assert.deepEqual(await resources(), before, "the failed start left something");
    },
  },
  {
    name: "leaves nothing that costs money when the caller gives up while it starts",
    async run({ target, model, slowStarts, resources }) {
      if (!target.capabilities.removable) return;
      assert.ok(slowStarts, "a removable target needs slowStarts from its factory");
      await slowStarts();
      const before = await resources();
      const { signal, reason } = abortedSoon();
      await rejectsWithReason(target.deploy({ model, idempotencyKey: "given up" }, { signal }), reason);
      assert.deepEqual(await resources(), before, "the start that was given up left something");
    },
  },
];
