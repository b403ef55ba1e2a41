import { z } from "zod";
import type { ChatRequest, ChatResult } from "../contract/chat-model.ts";
import type { DeployTarget } from "../contract/deploy-target.ts";
import type { RolloutPlan, RolloutPreset } from "../model/rollout-plan.ts";
import type { DeploymentRegistry } from "./deployment-registry.ts";
import { type HostConfigOptions, hostConfigSchema } from "./host-config/host-config-options.ts";
import { type RetirementOptions, retirementSchema } from "./retirement/retirement-options.ts";

/** The call that shows that a model answers. */
export interface ProbeOptions {
  /** Default: "Reply with OK." with 8 output tokens, greedy. */
  readonly request?: ChatRequest;
  /** Throws when the answer is not good enough. Default: any answer is. */
  readonly check?: (result: ChatResult) => void;
  /** Default 60 s. */
  readonly timeoutMs?: number;
}

export interface DeployerOptions {
  readonly registry: DeploymentRegistry;
  readonly targets: readonly DeployTarget[];
  /** The host's own file that names models. Left out: only the routing table is written. */
  readonly hostConfig?: HostConfigOptions | null;
  /** Where the routing table goes, e.g. beside `models.yaml`. Mount its folder, not the file. */
  readonly routingFile: string;
  readonly probe?: ProbeOptions;
  readonly verification?: {
    /** A rollback must be proven within this time. Default 60 s. */
    readonly limitMs?: number;
    /** How often acknowledgements are read. Default 25 ms. */
    readonly pollEveryMs?: number;
  };
  /** What becomes of deployments that no session reaches any more. */
  readonly retirement?: RetirementOptions;
  /** How long a new deployment may take to become healthy. Default 30 min. */
  readonly readyTimeoutMs?: number;
  /** @internal Called around each step of an operation; tests crash here. */
  readonly failpoint?: (point: string) => void | Promise<void>;
}

const isObject = (value: unknown) => typeof value === "object" && value !== null;
const isFunction = (value: unknown) => typeof value === "function";
const milliseconds = z.number().int().positive();

export const deployerOptionsSchema = z.strictObject({
  registry: z.custom<DeploymentRegistry>(isObject, "must be a registry"),
  targets: z
    .array(
      z.custom<DeployTarget>(
        (value) => isObject(value) && (value as DeployTarget).contract === "deploy-target/v1",
        'must be a target with contract "deploy-target/v1"',
      ),
    )
    .min(1),
  hostConfig: hostConfigSchema.nullish(),
  routingFile: z.string().min(1),
  probe: z
    .strictObject({
      request: z.custom<ChatRequest>(isObject).optional(),
      check: z.custom<(result: ChatResult) => void>(isFunction).optional(),
      timeoutMs: milliseconds.default(60_000),
    })
    .prefault({}),
  verification: z
    .strictObject({ limitMs: milliseconds.default(60_000), pollEveryMs: milliseconds.default(25) })
    .prefault({}),
  retirement: retirementSchema,
  readyTimeoutMs: milliseconds.default(30 * 60_000),
  failpoint: z.custom<(point: string) => void | Promise<void>>(isFunction).optional(),
});
export type DeployerSettings = z.output<typeof deployerOptionsSchema>;

/** What is about to happen, for the person who approves it. */
export interface DeployRequestOptions {
  readonly agent: string;
  readonly version: string;
  /** Id of one of the deployer's targets. May be left out when there is only one. */
  readonly target?: string;
  /** Default `canary_20pct`: 20 → 50 → 100 %. */
  readonly rollout?: RolloutPreset | RolloutPlan;
  /** Asked before anything happens; anything but true stops the deployment. */
  readonly approve?: (preview: DeploymentPreview) => boolean | Promise<boolean>;
  /** Deploys a version that was never evaluated; the reason goes to the audit chain. */
  readonly override?: { readonly reason: string };
  readonly signal?: AbortSignal;
}

export interface DeploymentPreview {
  readonly agent: string;
  readonly version: string;
  readonly modelId: string;
  readonly target: string;
  readonly evaluated: boolean;
  readonly baseline: string | null;
  readonly steps: readonly {
    readonly sharePct: number;
    readonly minimumSessions: number;
    readonly minimumDurationMs: number;
    readonly needsApproval: boolean;
    /** Earliest start of the step at the given traffic, ISO 8601; null when the traffic is not known. */
    readonly expectedAt: string | null;
  }[];
  /** The one line of the host's file that changes at 100 %, null without a host configuration. */
  readonly configEdit: {
    readonly file: string;
    readonly line: number;
    readonly path: string;
    readonly before: string | null;
    readonly after: string;
  } | null;
  readonly price: {
    readonly inputUsdPerMillionTokens: number | null;
    readonly outputUsdPerMillionTokens: number | null;
    readonly usdPerHour: number | null;
    readonly source: string;
  };
  readonly notes: readonly string[];
  /** Versions whose deployments are retired once this one has all sessions: they are no longer the ones to go back to. */
  readonly retires: readonly string[];
  /** What would make the deployment fail; empty when nothing is known to. */
  readonly problems: readonly { readonly message: string; readonly fix: string }[];
}
