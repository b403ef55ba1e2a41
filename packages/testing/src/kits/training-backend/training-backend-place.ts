import type { TrainingBackend, TrainingRun } from "@modelops/core";
import type { KitCase, KitPlace } from "../kit-case.ts";

/** How a run of the kit ends. */
export type RunEnding = "completes" | "fails" | "goes on until it is cancelled";

/** A backend to be examined, and runs that end as they are asked to. */
export interface TrainingBackendPlace extends KitPlace {
  readonly backend: TrainingBackend;
  /** The same backend as another process would open it. */
  reopen(): Promise<TrainingBackend> | TrainingBackend;
  /** A run with an id of its own. */
  run(ending: RunEnding): TrainingRun;
  /** How many jobs were started for a run, counted at the service or by the script, not by the backend. */
  starts(runId: string): Promise<number> | number;
  /** Tokens that no event, status and error may show. */
  readonly secrets: readonly string[];
}

export type TrainingBackendCase = KitCase<TrainingBackendPlace>;
