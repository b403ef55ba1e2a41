import { completeRolloutPlan, type RolloutPlan, type RolloutPreset } from "../../model/rollout-plan.ts";
import { rolloutCertificateSvg } from "../../reports/rollout-certificate-svg.ts";
import { type Certificate, type CertifyOptions, certify } from "../../statistics/sequential/certify.ts";
import { monitorPlan } from "./monitor-plan.ts";

/** A certificate as figures, as text and as a picture. */
export interface RolloutCertificate extends Certificate {
  /** A standalone SVG document: how rollouts end, and how soon a bad version is taken back. */
  readonly svg: string;
}

/**
 * What a rollout plan is worth at your traffic, by simulation: the chance that a version as good as the present one is
 * taken back, that one which is 2, 5 or 10 points worse gets through, and how long it takes to know.
 *
 * `baseline` says what each guardrail looks like now, as a score in [0,1] where higher is better: `{ success: 0.9 }`, or
 * mean and standard deviation for latency, cost and score. Errors: `input/rollout-plan`, `statistics/*`.
 */
export function certifyRollout(
  rollout: RolloutPreset | RolloutPlan,
  options: Omit<CertifyOptions, "plan">,
): RolloutCertificate {
  const certificate = certify({ ...options, plan: monitorPlan(completeRolloutPlan(rollout)) });
  return { ...certificate, svg: rolloutCertificateSvg(certificate) };
}
