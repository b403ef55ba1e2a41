import type { ModelVersion } from "../model/model-version.ts";

/** What every change of a pointer says about itself. */
interface PointerChange {
  readonly agent: string;
  readonly reason?: string;
}

/** The part of a registry that deployments need. `Registry` satisfies it; so may any other version store. */
export interface DeploymentRegistry {
  /** Rejects when the version is not registered. */
  getVersion(request: { readonly agent: string; readonly version: string }): Promise<ModelVersion>;
  /** What the pointers name now. */
  pointers(request: { readonly agent: string }): Promise<{
    readonly current: string | null;
    readonly canary: { readonly version: string; readonly share: 20 | 50 } | null;
  }>;
  /** Starts a canary, or raises the share of the running one. */
  setCanary(request: PointerChange & { readonly version: string; readonly share: 20 | 50 }): Promise<unknown>;
  /** Makes the canary the current version. */
  promote(request: PointerChange): Promise<unknown>;
  /** Makes a version current that was not the canary. */
  setCurrent(request: PointerChange & { readonly version: string }): Promise<unknown>;
  /** Ends a running canary; with `to`, goes back to a version that was current before. */
  rollback(request: PointerChange & { readonly to?: string }): Promise<unknown>;
  /** Notes on the version where it was deployed. */
  link?(request: {
    readonly agent: string;
    readonly version: string;
    readonly deploymentId: string;
  }): Promise<unknown>;
}
