import { z } from "zod";
import type { Approvals } from "../approvals/approvals.ts";
import type { TrainingDefaults } from "../config/training-defaults.ts";
import type { DatasetSource } from "../contract/dataset-source.ts";
import type { TrainingBackend } from "../contract/training-backend.ts";
import type { Quote } from "../cost/quote.ts";
import type { BaseModelLookup } from "./base-model.ts";
import type { TrainingPlan } from "./plan.ts";
import type { VersionRegistrar } from "./version-registrar.ts";

/** Dollars above which a person is asked, unless the host says otherwise. */
export const DEFAULT_APPROVAL_ABOVE_USD = 10;

export const trainerOptionsSchema = z.strictObject({
  backend: z.custom<TrainingBackend>(
    (value) => (value as TrainingBackend | undefined)?.contract === "training-backend/v1",
    "must be a training backend",
  ),
  registrar: z
    .custom<VersionRegistrar>(
      (value) => typeof (value as VersionRegistrar | undefined)?.addVersion === "function",
    )
    .nullish(),
  approvals: z.custom<Approvals>((value) => typeof value === "object" && value !== null),
  sources: z
    .array(
      z.custom<DatasetSource>(
        (value) => (value as DatasetSource | undefined)?.contract === "dataset-source/v1",
        "must be a dataset source",
      ),
    )
    .optional(),
  baseModelLookup: z.custom<BaseModelLookup>((value) => typeof value === "function").nullish(),
  defaults: z.custom<TrainingDefaults>((value) => typeof value === "object" && value !== null).nullish(),
  approvalAboveUsd: z.number().nonnegative().optional(),
  requireApproval: z.boolean().default(false),
});

/** What a trainer works with. */
export interface TrainerOptions {
  readonly backend: TrainingBackend;
  /** Where completed runs become versions; without one, nothing is registered. */
  readonly registrar?: VersionRegistrar | null;
  readonly approvals: Approvals;
  /** Sources besides `file:`. */
  readonly sources?: readonly DatasetSource[];
  /** Looks up base models that are not folders. */
  readonly baseModelLookup?: BaseModelLookup | null;
  /** The host's presets, modes and limits: see `loadTrainingDefaults`. */
  readonly defaults?: TrainingDefaults | null;
  /** Runs whose quote may pass this need a person's approval. Default: the defaults' limit, else 10. */
  readonly approvalAboveUsd?: number;
  /** Every run needs approval, free ones too. @default false */
  readonly requireApproval?: boolean;
}

/** A person's answer, given through the host: yes or no, and who said it. */
export type ApprovalAnswer =
  | boolean
  | { readonly approved: boolean; readonly by: string; readonly reason?: string };

/** Asks a person. It must reach a person: what a model says is no approval. */
export type ApproveCallback = (quote: Quote, plan: TrainingPlan) => ApprovalAnswer | Promise<ApprovalAnswer>;

export interface TrainOptions {
  /** Asked when the run needs approval; without it, the question waits in the inbox. */
  readonly approve?: ApproveCallback;
  readonly signal?: AbortSignal;
}
