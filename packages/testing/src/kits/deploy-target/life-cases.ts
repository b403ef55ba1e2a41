import assert from "node:assert/strict";
import { isNullOrAtLeastZero } from "../kit-assertions.ts";
import type { DeployTargetCase } from "./deploy-target-place.ts";
import { answers, deploy, neverMade, stateOf } from "./target-expectations.ts";

const STATES = ["absent", "starting", "ready", "paused", "failed"];

/** What becomes of deployments. */
export const LIFE_CASES: readonly DeployTargetCase[] = [
  {
    name: "finds a stored deployment again in another process",
    async run({ target, model, reopen }) {
      const stored = JSON.stringify(await deploy(target, model));
      const other = await reopen();
      assert.equal(await stateOf(other, JSON.parse(stored)), "ready");
      await answers(other, JSON.parse(stored));
    },
  },
  {
    name: "states what a deployment costs or null, and knows one that was never made as absent",
    async run({ target, model, unservable }) {
      const deployment = await deploy(target, model);
      const status = await target.status(deployment);
      assert.ok(STATES.includes(status.state), `the state is ${status.state}`);
      isNullOrAtLeastZero(status.costUsdPerHour, "costUsdPerHour");
      const absent = await target.status(neverMade(deployment, unservable));
      assert.equal(absent.state, "absent");
      isNullOrAtLeastZero(absent.costUsdPerHour, "costUsdPerHour");
    },
  },
  {
    name: "removes what costs money, and only that; removing again is calm",
    async run({ target, model, otherModel, unservable, resources }) {
      const other = await deploy(target, otherModel);
      const kept = await resources();
      const deployment = await deploy(target, model);
      await target.remove(deployment);
      await target.remove(deployment);
      await target.remove(neverMade(deployment, unservable));
      if (target.capabilities.removable) {
        assert.equal(await stateOf(target, deployment), "absent");
        assert.deepEqual(await resources(), kept);
      }
      assert.equal(await stateOf(target, other), "ready");
      await answers(target, other);
    },
  },
  {
    name: "pauses and resumes, each twice, if it has these methods",
    async run({ target, model }) {
      if (!target.pause || !target.resume) return;
      const deployment = await deploy(target, model);
      await target.pause(deployment);
      await target.pause(deployment);
      assert.equal(await stateOf(target, deployment), "paused");
      await target.resume(deployment);
      await target.resume(deployment);
      assert.ok(["starting", "ready"].includes(await stateOf(target, deployment)));
      // A deployment resolves only when the model answers.
      assert.deepEqual(await deploy(target, model, "after the pause"), deployment);
      await answers(target, deployment);
    },
  },
  {
    name: "closes twice calmly",
    async run({ reopen }) {
      const other = await reopen();
      await other.close?.();
      await other.close?.();
    },
  },
];
