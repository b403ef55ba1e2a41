import type { DeployTarget, ModelReference } from "@modelops/core";
import type { KitCase, KitPlace } from "../kit-case.ts";

/** A target to be examined, with models and a view of what it has made. */
export interface DeployTargetPlace extends KitPlace {
  readonly target: DeployTarget;
  /** The same target as another process would open it. */
  reopen(): Promise<DeployTarget> | DeployTarget;
  /** A model it can serve. */
  readonly model: ModelReference;
  /** Another version with another model, which it can serve, too. */
  readonly otherModel: ModelReference;
  /** A model it cannot serve. */
  readonly unservable: ModelReference;
  /** A fine-tune of the user's own, files included. A target that declares `servesArtifacts` must serve it. */
  readonly artifact: ModelReference;
  /** Names of everything that exists at the service (or on disk) because of deployments. */
  resources(): Promise<readonly string[]> | readonly string[];
  /**
   * Makes every start fail from now on: needed from a target that declares `removable`, since a start that fails must
   * leave nothing that costs money. Null for others.
   */
  readonly breakStarts: (() => Promise<void> | void) | null;
  /** Makes starts last at least 200 ms by the machine's clock: needed from a target that declares `removable`. */
  readonly slowStarts: (() => Promise<void> | void) | null;
  /** Tokens and keys that nothing may show. */
  readonly secrets: readonly string[];
}

export type DeployTargetCase = KitCase<DeployTargetPlace>;
