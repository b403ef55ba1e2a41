import type { EvalScores } from "../model/model-version.ts";
import type { Checkpoint } from "./audit/checkpoint.ts";
import type { PointerMove } from "./pointer-move.ts";

/** Fields of a version that can change after it was added, beside scores and status. */
export type UpdatedField = "tags" | "changelog" | "notes" | "lineage";

/** Events of the registry. `subject` is `agent@version`, or the agent for an import. */
export type RegistryEvents = {
  "registry.version-added": {
    readonly version: string;
    readonly modelId: string;
    readonly parentVersion: string | null;
    readonly jobId: string | null;
  };
  "registry.scores-updated": {
    readonly version: string;
    readonly scores: EvalScores;
    readonly evaluationId: string | null;
  };
  "registry.pointer-moved": PointerMove;
  "registry.archived": { readonly version: string; readonly reason: string | null };
  "registry.version-updated": { readonly version: string; readonly fields: readonly UpdatedField[] };
  "registry.imported": { readonly versions: readonly string[] };
  /** Ship it to a place the database's owner cannot edit: it is the anchor that shows truncation. */
  "registry.checkpointed": Checkpoint;
};
