import { type DeployTarget, ModelOpsError, type ModelReference } from "@modelops/core";
import type { DeployTargetPlace } from "../src/kits/deploy-target/deploy-target-place.ts";
import type { KitFactory } from "../src/kits/kit-case.ts";

/** What the naive service of the kit's tests keeps, shared by all who open it. */
export interface MemoryService {
  readonly running: Map<string, { readonly model: ModelReference; isPaused: boolean }>;
  startMs: number;
  isBroken: boolean;
}

export const SERVICE_KEY = "key-0123456789abcdef";

/** A right target over a service in memory. Tests spoil it, one habit at a time. */
export function memoryTarget(service: MemoryService): DeployTarget {
  const nameOf = (model: ModelReference) => `${model.agent}-${model.version}`;
  const problem = (model: ModelReference) =>
    model.modelId.startsWith("unknown/")
      ? [{ message: `${model.modelId} is unknown.`, fix: "choose another model." }]
      : [];
  const target: DeployTarget = {
    contract: "deploy-target/v1",
    id: "memory",
    capabilities: { servesArtifacts: true, removable: true, scaleToZero: true },
    async check(model, { signal } = {}) {
      signal?.throwIfAborted();
      const problems = problem(model);
      return {
        canServe: problems.length === 0,
        problems,
        price: {
          inputUsdPerMillionTokens: null,
          outputUsdPerMillionTokens: null,
          usdPerHour: 1,
          source: "test",
        },
        contextLength: null,
        notes: [],
      };
    },
    async deploy({ model }, { signal } = {}) {
      signal?.throwIfAborted();
      const [found] = problem(model);
      if (found) throw new ModelOpsError({ code: "target/cannot-serve", ...found });
      const name = nameOf(model);
      const isNew = !service.running.has(name);
      service.running.set(name, { model, isPaused: false });
      try {
        await wait(service.startMs, signal);
        if (service.isBroken) {
          throw new ModelOpsError({
            code: "target/failed",
            message: `${name} did not start.`,
            fix: "read its log.",
          });
        }
      } catch (error) {
        if (isNew) service.running.delete(name);
        throw error;
      }
      const { modelId, agent, version } = model;
      return {
        targetId: "memory",
        deploymentId: name,
        modelId,
        agent,
        version,
        configValue: `memory:${name}`,
        baseUrl: null,
        details: {},
      };
    },
    async status({ deploymentId }) {
      const found = service.running.get(deploymentId);
      if (!found) return { state: "absent", message: null, costUsdPerHour: 0 };
      return {
        state: found.isPaused ? "paused" : "ready",
        message: null,
        costUsdPerHour: found.isPaused ? 0 : 1,
      };
    },
    async remove({ deploymentId }) {
      service.running.delete(deploymentId);
    },
    async pause({ deploymentId }) {
      const found = service.running.get(deploymentId);
      if (found) found.isPaused = true;
    },
    async resume({ deploymentId }) {
      const found = service.running.get(deploymentId);
      if (found) found.isPaused = false;
    },
    async chatModel({ deploymentId }) {
      return {
        contract: "chat-model/v1",
        id: deploymentId,
        async generate() {
          const found = service.running.get(deploymentId);
          if (!found || found.isPaused) {
            throw new ModelOpsError({
              code: "model/not-found",
              message: "It is not running.",
              fix: "deploy it.",
            });
          }
          return {
            text: "hello",
            toolCalls: [],
            usage: { inputTokens: 1, outputTokens: 1 },
            costUsd: null,
            latencyMs: 0,
            finishReason: "stop",
            requestId: null,
            attempts: 1,
          };
        },
      };
    },
  };
  return target;
}

export function memoryTargetFactory(
  open: (service: MemoryService) => DeployTarget = memoryTarget,
): KitFactory<DeployTargetPlace> {
  return {
    name: "a target in memory",
    create() {
      const service: MemoryService = { running: new Map(), startMs: 0, isBroken: false };
      const model = (modelId: string, version: string): ModelReference => ({
        modelId,
        agent: "support",
        version,
        artifact: null,
      });
      return {
        target: open(service),
        reopen: () => open(service),
        model: model("org/one", "v1.0.0"),
        otherModel: model("org/two", "v1.1.0"),
        unservable: model("unknown/model", "v9.0.0"),
        artifact: {
          ...model("me/tuned", "v2.0.0"),
          artifact: {
            kind: "adapter",
            location: { type: "hub", repoId: "me/tuned", revision: null },
            baseModel: "org/one",
            baseModelRevision: null,
            files: [],
          },
        },
        resources: () => [...service.running.keys()],
        breakStarts: () => {
          service.isBroken = true;
        },
        slowStarts: () => {
          service.startMs = 200;
        },
        secrets: [SERVICE_KEY],
      };
    },
  };
}

function wait(durationMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, durationMs);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
