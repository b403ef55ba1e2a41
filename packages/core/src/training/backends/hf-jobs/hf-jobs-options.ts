import { z } from "zod";
import type { TrainingMethod } from "../../../model/model-version.ts";

export const DEFAULT_IMAGE = "ghcr.io/astral-sh/uv:python3.12-bookworm";

const token = z.string().regex(/^hf_\S+$/, "must be a Hugging Face token (it starts with hf_)");

export const hfJobsOptionsSchema = z.strictObject({
  namespace: z.string().regex(/^[\w.-]{1,96}$/, "must be the name of a user or an organisation"),
  token: token.optional(),
  jobToken: token.optional(),
  hubUrl: z.url({ protocol: /^https?$/ }).optional(),
  image: z.string().min(1).optional(),
  env: z.record(z.string(), z.string()).optional(),
  datasetRepo: z.string().optional(),
  schedulingTimeoutMs: z.number().positive().optional(),
  requestTimeoutMs: z.number().positive().optional(),
  logSilenceMs: z.number().positive().optional(),
  scriptPath: z.custom<(method: TrainingMethod) => string>((value) => typeof value === "function").optional(),
});

/** Options of `hfJobs()`: training on Hugging Face Jobs. */
export interface HfJobsOptions {
  /** User or organisation that runs and pays the jobs. */
  readonly namespace: string;
  /** Token that may write repositories and start jobs in the namespace. Default: `HF_TOKEN`. */
  readonly token?: string;
  /** Token that the job itself gets, as a secret: give a narrower one here. @default `token` */
  readonly jobToken?: string;
  /** Default: `HF_ENDPOINT`, else the public Hub. */
  readonly hubUrl?: string;
  /** Image with `uv` in it. @default "ghcr.io/astral-sh/uv:python3.12-bookworm" */
  readonly image?: string;
  /** Variables of the job. Never put a secret here: they are stored and shown in the clear. */
  readonly env?: Readonly<Record<string, string>>;
  /** Private dataset repository for training rows. @default "<namespace>/modelops-datasets" */
  readonly datasetRepo?: string;
  /** A job that has not started by then is cancelled. @default 1800000 (30 minutes) */
  readonly schedulingTimeoutMs?: number;
  /** Of one API call. @default 30000 */
  readonly requestTimeoutMs?: number;
  /** A log stream that says nothing for so long is opened again; the service sends a comment every 30 s. @default 120000 */
  readonly logSilenceMs?: number;
  /** A script of your own that takes `--config` and prints the same progress lines. */
  readonly scriptPath?: (method: TrainingMethod) => string;
}
