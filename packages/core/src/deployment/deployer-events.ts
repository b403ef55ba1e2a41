import type { RollbackVerification } from "./verification/rollback-verification.ts";

/** Events of the `Deployer`, by type. */
export type DeployerEvents = {
  readonly "deployment.started": {
    readonly version: string;
    readonly target: string;
    readonly operationId: string;
  };
  readonly "deployment.completed": {
    readonly version: string;
    readonly target: string;
    readonly deploymentId: string;
    readonly rolloutPct: number;
    readonly operationId: string;
  };
  readonly "deployment.failed": {
    readonly operationId: string;
    readonly code: string;
    readonly message: string;
  };
  readonly "deployment.retired": {
    readonly version: string;
    readonly target: string;
    readonly deploymentId: string;
    readonly action: "removed" | "paused";
  };
  readonly "deployment.orphan-found": {
    readonly target: string;
    readonly deploymentId: string;
    readonly costUsdPerHour: number | null;
  };
  readonly "deployment.orphan-removed": {
    readonly target: string;
    readonly deploymentId: string;
    readonly costUsdPerHour: number | null;
  };
  readonly "rollout.started": {
    readonly rolloutId: string;
    readonly version: string;
    readonly sharePct: number;
  };
  readonly "rollout.stepped": {
    readonly rolloutId: string;
    readonly version: string;
    readonly sharePct: number;
  };
  readonly "rollout.promoted": {
    readonly rolloutId: string;
    readonly version: string;
    readonly promotedBy: "manual" | "no-alarm" | "non-inferior";
  };
  readonly "rollout.held": { readonly rolloutId: string; readonly reason: string };
  readonly "rollout.resumed": { readonly rolloutId: string; readonly reason: string };
  readonly "rollout.inconclusive": { readonly rolloutId: string; readonly reason: string };
  readonly "rollout.no-traffic": { readonly rolloutId: string; readonly reason: string };
  readonly "rollout.rolled-back": {
    readonly version: string;
    readonly from: readonly string[];
    readonly reason: string;
    readonly operationId: string;
  };
  readonly "rollout.rollback-verified": {
    readonly operationId: string;
    readonly verification: RollbackVerification;
  };
};
