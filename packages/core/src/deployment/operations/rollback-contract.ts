import type { ConfigRestore } from "../host-config/models-config.ts";
import type { Operation } from "../state/records.ts";
import type { Serving } from "../state/serving.ts";
import type { RollbackVerification } from "../verification/rollback-verification.ts";

export interface RollbackInput {
  readonly agent: string;
  /** Version to go back to; null = undo the last change. */
  readonly to: string | null;
  /** Only when this version still gets traffic: a second call for the same fault then changes nothing more. */
  readonly from: string | null;
  readonly reason: string;
  readonly kind: "rollback" | "drill";
  readonly signal?: AbortSignal;
}

export interface RollbackResult {
  readonly rolledBack: true;
  readonly agent: string;
  /** The version that serves every session now. */
  readonly version: string;
  /** Versions that got traffic before and get none now. */
  readonly from: readonly string[];
  readonly reason: string;
  readonly operationId: string;
  readonly verification: RollbackVerification;
  /** `bytes`: the host's file is byte for byte as before; `value`: it was edited since, so only the value went back;
   * `already`: it needed no change; `failed`: see warnings; `none`: there was nothing to restore. */
  readonly config: ConfigRestore | "failed" | "none";
  readonly configSha256: string | null;
  readonly restartRequired: boolean;
  /** False when the store could not be written: run `reconcile()` when it is back. */
  readonly storeUpdated: boolean;
  readonly warnings: readonly string[];
}

/** What a rollback is about to do. */
export interface Intent {
  readonly operation: Operation;
  readonly serving: Serving;
  /** Why the store could not take the intent; null when it did. */
  readonly storeError: string | null;
}
