import { ModelOpsError } from "../errors/modelops-error.ts";

/** Keeps a router's table current. */
export interface RoutingFollower {
  /** Resolves when it was looked for the first time, whether or not there is one. */
  readonly ready: Promise<void>;
  /** Why what is published is not in force, null when it is. */
  readonly error: ModelOpsError | null;
  close(): void;
}

export function olderTable(found: number, current: number): ModelOpsError {
  return new ModelOpsError({
    code: "rollout/table-older",
    message: `The published routing table has generation ${found}; this router follows generation ${current}.`,
    reason: "An older table was put back, or another store writes to the same place.",
    fix: "run reconcile() with the right store, or restart the router if the old table is meant.",
  });
}
