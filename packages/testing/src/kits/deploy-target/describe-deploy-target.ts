import { describeKit, type KitFactory, type TestRunner } from "../kit-case.ts";
import { CHECK_CASES } from "./check-cases.ts";
import { DEPLOY_CASES } from "./deploy-cases.ts";
import type { DeployTargetCase, DeployTargetPlace } from "./deploy-target-place.ts";
import { LIFE_CASES } from "./life-cases.ts";

/** Every promise of `DeployTarget`, as cases of their own. What a target declares, it must show; what it does not, it must not have. */
export const deployTargetCases: readonly DeployTargetCase[] = [
  ...CHECK_CASES,
  ...DEPLOY_CASES,
  ...LIFE_CASES,
];

/** The contract of a `DeployTarget` as a test suite: `describeDeployTarget(factory, { describe, it })`. */
export function describeDeployTarget(factory: KitFactory<DeployTargetPlace>, runner: TestRunner): void {
  describeKit("deploy-target/v1", deployTargetCases, factory, runner);
}
