import { randomUUID } from "node:crypto";
import type { ChatModel, ChatRequest, ChatResult } from "../contract/chat-model.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { RouteDecision, RoutedTarget } from "./decision.ts";
import type { InFlightCalls } from "./in-flight-calls.ts";
import type { RouteOutcome } from "./outcome-counters.ts";
import type { Router } from "./router.ts";
import { SeenSessions } from "./seen-sessions.ts";
import { ShadowCalls, type ShadowOptions } from "./shadow-calls.ts";

/** Finds the client of the model that was chosen: by version, deployment id, config value or target id, or a function. */
export type RoutedModels =
  | Readonly<Record<string, ChatModel>>
  | ((chosen: RoutedTarget) => ChatModel | Promise<ChatModel>);

export interface RoutedModelOptions {
  readonly agent: string;
  readonly models: RoutedModels;
  /**
   * Says whether an answer did what it was for (default: every answer is a success). What it adds (a score) is
   * recorded. An answer that is not ok counts as a failure but is still returned.
   */
  readonly judge?: (result: ChatResult, request: ChatRequest) => Pick<RouteOutcome, "ok" | "score">;
  /** Also ask the canary for some sessions of the baseline, without touching the reply or the statistics. */
  readonly shadow?: ShadowOptions;
}

export interface RoutedResult extends ChatResult {
  readonly decision: RouteDecision;
  /** The arm that answered: the baseline when the canary failed. */
  readonly servedBy: "baseline" | "canary";
  /** Why the canary could not answer, null when it did. */
  readonly fallbackReason: string | null;
}

/** A `ChatModel` in front of an agent's versions. */
export interface RoutedModel extends ChatModel {
  generate(
    request: ChatRequest,
    options?: {
      /** Session, conversation or workflow run. Without one each call is its own session. */
      readonly sessionKey?: string;
      readonly signal?: AbortSignal;
    },
  ): Promise<RoutedResult>;
}

export function createRoutedModel(
  router: Router,
  inFlight: InFlightCalls,
  options: RoutedModelOptions,
): RoutedModel {
  const sessions = new SeenSessions();
  const shadows = options.shadow ? new ShadowCalls(options.shadow) : null;
  inFlight.use();

  const call = async (
    chosen: RoutedTarget,
    request: ChatRequest,
    signal: AbortSignal | undefined,
  ): Promise<ChatResult> => {
    const ended = inFlight.begin(chosen.agent, chosen.version);
    try {
      const model = await findModel(options.models, chosen);
      return await model.generate(request, { signal });
    } finally {
      ended();
    }
  };

  return {
    contract: "chat-model/v1",
    id: `routed:${options.agent}`,
    async generate(request, { sessionKey, signal } = {}) {
      signal?.throwIfAborted();
      const decision = router.route(options.agent, sessionKey ?? randomUUID());
      // The monitor needs one outcome per session; later calls of a session are not independent of the first.
      const isFirst = sessions.add(decision.rolloutId, decision.sessionKey);
      const record = (outcome: RouteOutcome) => {
        if (isFirst) router.record(decision, outcome);
      };
      const startedAt = performance.now();
      const elapsedMs = () => performance.now() - startedAt;
      try {
        const result = await call(decision, request, signal);
        const judged = options.judge?.(result, request) ?? { ok: true };
        record({ ...judged, callFailed: false, latencyMs: elapsedMs(), costUsd: result.costUsd });
        const canary = shadows && decision.arm === "baseline" ? router.canaryOf(options.agent) : null;
        if (canary && isFirst) {
          const ask = () => call(canary, request, undefined);
          shadows?.offer({ decision, version: canary.version, request, served: result, ask });
        }
        return { ...result, decision, servedBy: decision.arm, fallbackReason: null };
      } catch (error) {
        // The caller gave up: that says nothing about the model.
        if (signal?.aborted) throw error;
        const baseline = decision.arm === "canary" ? router.baselineOf(options.agent) : null;
        if (!baseline) {
          record({ ok: false, latencyMs: elapsedMs() });
          throw error;
        }
        try {
          const result = await call(baseline, request, signal);
          record({ ok: false, fallback: true, latencyMs: elapsedMs(), costUsd: result.costUsd });
          return { ...result, decision, servedBy: "baseline", fallbackReason: reasonOf(error) };
        } catch (secondError) {
          if (!signal?.aborted) record({ ok: false, latencyMs: elapsedMs() });
          throw secondError;
        }
      }
    },
  };
}

async function findModel(models: RoutedModels, chosen: RoutedTarget): Promise<ChatModel> {
  if (typeof models === "function") return models(chosen);
  for (const key of [chosen.version, chosen.deploymentId, chosen.configValue, chosen.target]) {
    const model = Object.hasOwn(models, key) ? models[key] : undefined;
    if (model) return model;
  }
  throw new ModelOpsError({
    code: "rollout/model-missing",
    message: `No client was given for ${chosen.version} (${chosen.model}).`,
    reason: `models has ${Object.keys(models).join(", ") || "no entry"}.`,
    fix: "add it under its version or deployment id, or pass a function that makes clients as versions appear.",
  });
}

function reasonOf(error: unknown): string {
  if (ModelOpsError.isInstance(error)) return error.code;
  return error instanceof Error ? error.name : "unknown";
}
