import type { ModelArtifact } from "../model/artifact.ts";
import type { ChatModel } from "./chat-model.ts";

/** A model as a target gets it: its id, and its files when there are any. */
export interface ModelReference {
  /** `org/name` on a hub or a router, or the name the host gave it. */
  readonly modelId: string;
  readonly agent: string;
  readonly version: string;
  readonly artifact: ModelArtifact | null;
}

/** What a model costs to serve. Null = unknown; 0 only when it is known to be free. */
export interface ServingPrice {
  readonly inputUsdPerMillionTokens: number | null;
  readonly outputUsdPerMillionTokens: number | null;
  readonly usdPerHour: number | null;
  /** Where the figure comes from, with its date. */
  readonly source: string;
}

export interface TargetCheck {
  readonly canServe: boolean;
  /** Why not, and what to do about it; empty when it can. */
  readonly problems: readonly { readonly message: string; readonly fix: string }[];
  readonly price: ServingPrice;
  readonly contextLength: number | null;
  /** Facts worth showing before a deployment (size on disk, nearest names, health). */
  readonly notes: readonly string[];
}

export interface DeployRequest {
  readonly model: ModelReference;
  /** Same key, same deployment: a second call adopts what the first one made. */
  readonly idempotencyKey: string;
  /**
   * Who answers for what is made: written on it where the service allows, so that `list` finds it again. Left out for
   * deployments that nobody but the caller looks after.
   */
  readonly owner?: string;
}

/** A model that is being served. Plain JSON: it is stored and found again after a restart. */
export interface TargetDeployment {
  readonly targetId: string;
  /** Deterministic name of the remote resource. */
  readonly deploymentId: string;
  readonly modelId: string;
  readonly agent: string;
  readonly version: string;
  /** What the host's configuration names to use this model, e.g. the value in `models.yaml`. */
  readonly configValue: string;
  /** Base URL of an OpenAI-compatible server, null when it is served in this process. */
  readonly baseUrl: string | null;
  /** The target's own facts (paths, hashes, remote ids). JSON only, no secrets. */
  readonly details: Readonly<Record<string, unknown>>;
}

export type TargetDeploymentState = "absent" | "starting" | "ready" | "paused" | "failed";

export interface TargetDeploymentStatus {
  readonly state: TargetDeploymentState;
  readonly message: string | null;
  readonly costUsdPerHour: number | null;
  /** The next request wakes it: `paused` is then how it saves money, not a fault. Left out = false. */
  readonly wakesOnRequest?: boolean;
  /** Another model than the deployment's, when the service says that it serves one. Left out = not known. */
  readonly servesInstead?: string | null;
}

/** Something that exists at a service because of a deployment, as the service itself lists it. */
export interface TargetResource {
  readonly deploymentId: string;
  readonly state: TargetDeploymentState;
  readonly costUsdPerHour: number | null;
  /** ISO 8601; null when the service does not say. */
  readonly createdAt: string | null;
  /** Frees it, as `remove` of its deployment would. */
  remove(options?: { readonly signal?: AbortSignal }): Promise<void>;
}

/**
 * A place that serves models. `check` has no side effects; `deploy` resolves only when the model can answer
 * (or rejects, leaving nothing running that costs money); removing twice is calm. An optional ability is an
 * optional method with a capability flag.
 */
export interface DeployTarget {
  readonly contract: "deploy-target/v1";
  readonly id: string;
  readonly capabilities: {
    /** Serves models that were fine-tuned by the user (an adapter or a whole model). */
    readonly servesArtifacts: boolean;
    /** `remove` frees something that costs money. */
    readonly removable: boolean;
    readonly scaleToZero: boolean;
  };
  check(model: ModelReference, options?: { readonly signal?: AbortSignal }): Promise<TargetCheck>;
  deploy(request: DeployRequest, options?: { readonly signal?: AbortSignal }): Promise<TargetDeployment>;
  status(
    deployment: TargetDeployment,
    options?: { readonly signal?: AbortSignal },
  ): Promise<TargetDeploymentStatus>;
  remove(deployment: TargetDeployment, options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** A client for a deployment. The caller closes it. */
  chatModel(deployment: TargetDeployment, options?: { readonly signal?: AbortSignal }): Promise<ChatModel>;
  pause?(deployment: TargetDeployment, options?: { readonly signal?: AbortSignal }): Promise<void>;
  resume?(deployment: TargetDeployment, options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Everything at the service that carries this owner's mark, whether or not anybody remembers making it. */
  list?(options: {
    readonly owner: string;
    readonly signal?: AbortSignal;
  }): Promise<readonly TargetResource[]>;
  close?(): Promise<void>;
}
