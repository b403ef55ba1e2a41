import assert from "node:assert/strict";
import type { TargetCheck } from "@modelops/core";
import {
  aborted,
  holdsNoSecret,
  isNullOrAtLeastZero,
  rejectsWell,
  rejectsWithReason,
  survivesJson,
} from "../kit-assertions.ts";
import type { DeployTargetCase } from "./deploy-target-place.ts";
import { deploy, TARGET_AREAS } from "./target-expectations.ts";

function checkAnswer(check: TargetCheck): void {
  assert.equal(check.canServe, check.problems.length === 0, "canServe and the list of problems contradict");
  for (const problem of check.problems) {
    assert.ok(problem.message.trim(), "a problem says nothing");
    assert.ok(problem.fix.trim(), `the problem ${JSON.stringify(problem.message)} has no fix`);
  }
  const { price } = check;
  isNullOrAtLeastZero(price.inputUsdPerMillionTokens, "the price of input");
  isNullOrAtLeastZero(price.outputUsdPerMillionTokens, "the price of output");
  isNullOrAtLeastZero(price.usdPerHour, "the price of an hour");
  assert.ok(price.source.trim(), "the price has no source");
  assert.ok(
    check.contextLength === null || check.contextLength > 0,
    `contextLength is ${check.contextLength}`,
  );
  survivesJson(check, "a check");
}

/** What a target says of itself and of models, before anything is made. */
export const CHECK_CASES: readonly DeployTargetCase[] = [
  {
    name: "says which contract it keeps, and declares its abilities",
    async run({ target }) {
      assert.equal(target.contract, "deploy-target/v1");
      assert.match(target.id, /^[a-z0-9][a-z0-9-]*$/, "an id holds a-z, 0-9 and -");
      for (const name of ["servesArtifacts", "removable", "scaleToZero"] as const) {
        assert.equal(typeof target.capabilities[name], "boolean", `capabilities.${name} is not declared`);
      }
      assert.equal(
        target.pause === undefined,
        target.resume === undefined,
        "pause and resume come together or not at all",
      );
    },
  },
  {
    name: "checks a model it can serve: no problem, prices stated or null, nothing made",
    async run({ target, model, resources }) {
      const before = await resources();
      const check = await target.check(model);
      checkAnswer(check);
      assert.equal(check.canServe, true);
      assert.deepEqual(await resources(), before, "a check made something");
    },
  },
  {
    name: "says why it cannot serve a model and what to do, and then refuses to deploy it",
    async run({ target, unservable, resources, secrets }) {
      const before = await resources();
      const check = await target.check(unservable);
      checkAnswer(check);
      assert.equal(check.canServe, false);
      holdsNoSecret(check, secrets, "the check");
      await rejectsWell(deploy(target, unservable), TARGET_AREAS, secrets);
      assert.deepEqual(await resources(), before, "the refused deployment left something");
    },
  },
  {
    name: "serves a fine-tune of the user's own if it says so, else says where to take it",
    async run({ target, artifact }) {
      const check = await target.check(artifact);
      checkAnswer(check);
      assert.equal(check.canServe, target.capabilities.servesArtifacts);
    },
  },
  {
    name: "neither checks nor deploys for a caller that has given up already",
    async run({ target, model, resources }) {
      const before = await resources();
      const { signal, reason } = aborted();
      await rejectsWithReason(target.check(model, { signal }), reason);
      await rejectsWithReason(target.deploy({ model, idempotencyKey: "given up" }, { signal }), reason);
      assert.deepEqual(await resources(), before);
    },
  },
];
