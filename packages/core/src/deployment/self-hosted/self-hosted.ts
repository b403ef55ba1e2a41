import { z } from "zod";
import { type ChatPrice, chatPriceSchema } from "../../chat-models/chat-cost.ts";
import { normalisedBaseUrl } from "../../chat-models/chat-model-id.ts";
import { openAICompatible } from "../../chat-models/openai-compatible.ts";
import type {
  DeployTarget,
  ModelReference,
  TargetCheck,
  TargetDeployment,
} from "../../contract/deploy-target.ts";
import { parseOrThrow } from "../../errors/from-zod.ts";
import { ModelOpsError } from "../../errors/modelops-error.ts";
import { requestText } from "../../http/request-text.ts";
import { Secret } from "../../model/secret.ts";
import { sha256Hex } from "../host-config/host-file.ts";

export interface SelfHostedOptions {
  /** Up to and without `/chat/completions`, such as `http://gpu-1:8000/v1`. */
  readonly baseUrl: string;
  /** Default `self-hosted`; give each server its own when there are several. */
  readonly id?: string;
  readonly apiKey?: string | Secret;
  /** The name under which the server offers a model. Default: the model id. */
  readonly servedName?: (model: Pick<ModelReference, "modelId" | "agent" | "version">) => string;
  readonly price?: ChatPrice;
  /** What the machine costs, when it is known. */
  readonly usdPerHour?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** For one call. Default 60 s. */
  readonly timeoutMs?: number;
  readonly fetch?: typeof globalThis.fetch;
}

const isFunction = (value: unknown) => typeof value === "function";
const optionsSchema = z.strictObject({
  baseUrl: z.string(),
  id: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, "must hold a-z, 0-9 and -")
    .default("self-hosted"),
  apiKey: z.union([z.string().min(1), z.instanceof(Secret)]).optional(),
  servedName: z.custom<NonNullable<SelfHostedOptions["servedName"]>>(isFunction).optional(),
  price: chatPriceSchema.optional(),
  usdPerHour: z.number().nonnegative().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  timeoutMs: z.number().int().positive().default(60_000),
  fetch: z.custom<typeof globalThis.fetch>(isFunction).optional(),
});

const modelListSchema = z.object({ data: z.array(z.object({ id: z.string() })) });

const NAMES_SHOWN = 5;

/**
 * Any OpenAI-compatible server that somebody else runs (vLLM, llama.cpp, Ollama, TGI). It serves what its model list
 * (`GET /models`) says; deploying means finding the model there, since starting servers is not this library's business.
 */
export function selfHosted(options: SelfHostedOptions): DeployTarget {
  const settings = parseOrThrow(optionsSchema, options, {
    code: "input/self-hosted",
    subject: "The options of selfHosted",
  });
  const baseUrl = normalisedBaseUrl(settings.baseUrl);
  const { id, timeoutMs } = settings;
  const apiKey =
    typeof settings.apiKey === "string" ? new Secret(settings.apiKey) : (settings.apiKey ?? null);
  const nameOf = settings.servedName ?? ((model) => model.modelId);

  const listModels = async (signal?: AbortSignal): Promise<readonly string[]> => {
    const subject = `The server at ${new URL(baseUrl).host}`;
    const response = await requestText({
      fetch: settings.fetch ?? globalThis.fetch,
      url: `${baseUrl}/models`,
      method: "GET",
      headers: { ...settings.headers, ...(apiKey && { authorization: `Bearer ${apiKey.reveal()}` }) },
      timeoutMs,
      signal,
      area: "target",
      subject,
      secrets: [...(apiKey ? [apiKey.reveal()] : []), ...Object.values(settings.headers ?? {})],
    });
    if (response.status !== 200) throw badAnswer(subject, response.status);
    let body: unknown;
    try {
      body = JSON.parse(response.text);
    } catch {
      throw badAnswer(subject, response.status);
    }
    const list = modelListSchema.safeParse(body);
    if (!list.success) throw badAnswer(subject, response.status);
    return list.data.data.map((model) => model.id);
  };

  const check = async (model: ModelReference, signal?: AbortSignal): Promise<TargetCheck> => {
    const name = nameOf(model);
    const price = {
      inputUsdPerMillionTokens: settings.price?.inputUsdPerMillionTokens ?? null,
      outputUsdPerMillionTokens: settings.price?.outputUsdPerMillionTokens ?? null,
      usdPerHour: settings.usdPerHour ?? null,
      source: "given by the host",
    };
    try {
      const names = await listModels(signal);
      if (names.includes(name))
        return { canServe: true, problems: [], price, contextLength: null, notes: [] };
      const shown = names.slice(0, NAMES_SHOWN).join(", ");
      const message = `${new URL(baseUrl).host} does not serve ${name}; it serves ${shown || "nothing"}.`;
      const fix =
        "load the model on the server (with vLLM: --served-model-name or --lora-modules), or map its name with servedName.";
      return { canServe: false, problems: [{ message, fix }], price, contextLength: null, notes: [] };
    } catch (error) {
      signal?.throwIfAborted();
      if (!ModelOpsError.isInstance(error)) throw error;
      const message = [error.what, error.reason].filter(Boolean).join(" ");
      return {
        canServe: false,
        problems: [{ message, fix: error.fix }],
        price,
        contextLength: null,
        notes: [],
      };
    }
  };

  return {
    contract: "deploy-target/v1",
    id,
    capabilities: { servesArtifacts: false, removable: false, scaleToZero: false },
    check: (model, { signal } = {}) => check(model, signal),
    async deploy({ model }, { signal } = {}) {
      const { problems } = await check(model, signal);
      const [problem] = problems;
      if (problem) {
        throw new ModelOpsError({
          code: "target/cannot-serve",
          message: `${model.version} of ${model.agent} cannot be served by ${id}.`,
          reason: problem.message,
          fix: problem.fix,
        });
      }
      const name = nameOf(model);
      return {
        targetId: id,
        deploymentId: `${id}-${sha256Hex(`${baseUrl} ${name} ${model.agent} ${model.version}`).slice(0, 12)}`,
        modelId: model.modelId,
        agent: model.agent,
        version: model.version,
        configValue: name,
        baseUrl,
        details: {},
      };
    },
    async status(deployment: TargetDeployment, { signal } = {}) {
      const costUsdPerHour = settings.usdPerHour ?? null;
      try {
        const isServed = (await listModels(signal)).includes(deployment.configValue);
        const message = isServed ? null : `The server does not list ${deployment.configValue}.`;
        return { state: isServed ? "ready" : "absent", message, costUsdPerHour };
      } catch (error) {
        signal?.throwIfAborted();
        return {
          state: "failed",
          message: error instanceof Error ? error.message : String(error),
          costUsdPerHour,
        };
      }
    },
    // The server belongs to the host: there is nothing of ours to free.
    async remove() {},
    async chatModel(deployment) {
      return openAICompatible({
        baseUrl,
        model: deployment.configValue,
        timeoutMs,
        apiKey: apiKey ?? undefined,
        price: settings.price,
        headers: settings.headers,
        fetch: settings.fetch,
      });
    },
  };
}

function badAnswer(subject: string, status: number): ModelOpsError {
  const isKey = status === 401 || status === 403;
  return new ModelOpsError({
    code: isKey ? "target/unauthorized" : "target/bad-answer",
    message: `${subject} did not give its list of models (HTTP ${status}).`,
    reason: isKey
      ? "It does not accept the key."
      : "It may not be OpenAI-compatible, or the base URL lacks a part such as /v1.",
    fix: isKey ? "pass the right apiKey." : "check baseUrl: GET <baseUrl>/models must answer.",
    isRetryable: status >= 500 || status === 429,
    details: { status },
  });
}
