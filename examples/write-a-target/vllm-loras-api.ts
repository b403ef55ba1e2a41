import { ModelOpsError, systemClock } from "@modelops/core";
import { requestJson, requestText } from "@modelops/core/target-utils";
import { z } from "zod";
import type { VllmLorasSettings } from "./vllm-loras-options.ts";

/** Replies are read loosely: only what is needed, since servers add fields. */
const modelsSchema = z.object({ data: z.array(z.object({ id: z.string() })) });

export interface VllmLorasApi {
  /** Names the server answers to: its base model and the adapters that are loaded. */
  models(signal?: AbortSignal): Promise<readonly string[]>;
  load(name: string, path: string, signal?: AbortSignal): Promise<void>;
  unload(name: string, signal?: AbortSignal): Promise<void>;
}

export function createVllmLorasApi(settings: VllmLorasSettings): VllmLorasApi {
  const key = settings.apiKey?.reveal();
  const common = {
    fetch: settings.fetch,
    headers: {
      "content-type": "application/json",
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
    },
    timeoutMs: settings.timeoutMs,
    area: "target",
    subject: `The vLLM server at ${new URL(settings.baseUrl).host}`,
    // Taken out of every error.
    secrets: key === undefined ? [] : [key],
  } as const;

  const change = async (
    route: "load" | "unload",
    body: { readonly lora_name: string; readonly lora_path?: string },
    signal: AbortSignal | undefined,
  ): Promise<void> => {
    const { status, text } = await requestText({
      ...common,
      url: `${settings.baseUrl}/${route}_lora_adapter`,
      method: "POST",
      body: JSON.stringify(body),
      signal,
    });
    // Another process was first: the wish is fulfilled.
    const isDoneAlready =
      route === "load" ? status === 400 && text.includes("already been loaded") : status === 404;
    if (status === 200 || isDoneAlready) return;
    throw new ModelOpsError({
      code: "target/refused",
      message: `${common.subject} did not ${route} the adapter ${body.lora_name} (HTTP ${status}).`,
      fix: "check the key, and that it runs with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True.",
      isRetryable: status >= 500,
    });
  };

  return {
    async models(signal) {
      const { data } = await requestJson({
        ...common,
        url: `${settings.baseUrl}/models`,
        method: "GET",
        schema: modelsSchema,
        clock: systemClock,
        signal,
        // Reading may be repeated.
        retry: { maxAttempts: 3, baseWaitMs: 500, maxWaitMs: 10_000 },
      });
      return data.map(({ id }) => id);
    },
    load: (name, path, signal) => change("load", { lora_name: name, lora_path: path }, signal),
    unload: (name, signal) => change("unload", { lora_name: name }, signal),
  };
}
