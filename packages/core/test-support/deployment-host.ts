import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ChatModel } from "../src/contract/chat-model.ts";
import type { DeployTarget, TargetDeployment } from "../src/contract/deploy-target.ts";
import type { RegistryStore } from "../src/contract/registry-store.ts";
import { ModelOpsError } from "../src/errors/modelops-error.ts";
import { completeRuntime, type Runtime } from "../src/runtime.ts";
import type { Clock } from "../src/time/clock.ts";

const HOST_FILE = new URL("../../../../shared/data/host/models.yaml", import.meta.url);

/** The host's own file where it is at hand, else one of the same shape (CRLF, comments). */
export const HOST_YAML = existsSync(HOST_FILE)
  ? readFileSync(HOST_FILE, "utf8")
  : [
      "# Models",
      "openrouter:",
      "  agent_models:",
      "    feature_dev: qwen/qwen-2.5-coder-32b-instruct # code",
      "    code_review: deepseek/deepseek-chat # review",
      "agents:",
      "  feature-dev:",
      "    model: qwen/qwen-2.5-coder-32b-instruct",
      "",
    ].join("\r\n");

export interface TestTarget extends DeployTarget {
  /** Deployments that exist, by idempotency key. */
  readonly existing: Map<string, TargetDeployment>;
  readonly calls: string[];
  /** Versions whose model gives an error. */
  readonly broken: Set<string>;
  state: "ready" | "failed";
}

/** A target in this process: its models answer with their version. */
export function testTarget(id = "local"): TestTarget {
  const existing = new Map<string, TargetDeployment>();
  const calls: string[] = [];
  const broken = new Set<string>();
  const target: TestTarget = {
    contract: "deploy-target/v1",
    id,
    existing,
    calls,
    broken,
    state: "ready",
    capabilities: { servesArtifacts: true, removable: true, scaleToZero: false },
    async check(model) {
      const canServe = !model.modelId.includes("unservable");
      const price = {
        inputUsdPerMillionTokens: 0,
        outputUsdPerMillionTokens: 0,
        usdPerHour: 0,
        source: "this process",
      };
      const problems = canServe
        ? []
        : [{ message: `${model.modelId} is not known.`, fix: "choose another." }];
      return { canServe, problems, price, contextLength: null, notes: [] };
    },
    async deploy({ model, idempotencyKey }) {
      calls.push(`deploy ${idempotencyKey}`);
      const known = existing.get(idempotencyKey);
      if (known) return known;
      const deployment: TargetDeployment = {
        targetId: id,
        deploymentId: `${id}-${model.version}`,
        modelId: model.modelId,
        agent: model.agent,
        version: model.version,
        configValue: model.modelId,
        baseUrl: null,
        details: {},
      };
      existing.set(idempotencyKey, deployment);
      return deployment;
    },
    async status() {
      return { state: target.state, message: null, costUsdPerHour: 0 };
    },
    async remove(deployment) {
      calls.push(`remove ${deployment.agent}@${deployment.version}`);
      existing.delete(`${deployment.agent}@${deployment.version}`);
    },
    async chatModel(deployment) {
      return echoModel(deployment.version, broken);
    },
  };
  return target;
}

/** Answers with the version's name. */
export function echoModel(version: string, broken: ReadonlySet<string> = new Set()): ChatModel {
  return {
    contract: "chat-model/v1",
    id: version,
    async generate() {
      if (broken.has(version)) {
        throw new ModelOpsError({
          code: "model/broken",
          message: `${version} is broken.`,
          fix: "none: it is a test.",
        });
      }
      return {
        text: version,
        toolCalls: [],
        usage: { inputTokens: 1, outputTokens: 1 },
        costUsd: 0,
        latencyMs: 1,
        finishReason: "stop",
        requestId: null,
        attempts: 1,
      };
    },
  };
}

export interface TestHost {
  readonly folder: string;
  readonly modelsYaml: string;
  readonly routingFile: string;
  readonly runtime: Runtime;
}

/** A host's folder with its configuration, and a runtime beside it. */
export async function testHost(
  store: RegistryStore,
  clock?: Clock,
  generateId?: () => string,
): Promise<TestHost> {
  const folder = await mkdtemp(join(tmpdir(), "modelops-host-"));
  const modelsYaml = join(folder, "config", "models.yaml");
  await mkdir(join(folder, "config"));
  await writeFile(modelsYaml, HOST_YAML);
  return {
    folder,
    modelsYaml,
    routingFile: join(folder, "config", "routing.json"),
    runtime: completeRuntime({ store, home: join(folder, ".modelops"), clock, generateId }),
  };
}
