import type { Client } from "langsmith";
import type { LangSmithSettings } from "./langsmith-options.ts";

/** LangSmith's own client, loaded when it is first needed. It adds nothing about this machine to what it sends. */
export async function openLangSmithClient(
  settings: Pick<LangSmithSettings, "apiKey" | "apiUrl" | "fetch">,
): Promise<Client> {
  const { Client } = await import("langsmith");
  return new Client({
    apiUrl: settings.apiUrl,
    apiKey: settings.apiKey.reveal(),
    fetchImplementation: settings.fetch,
    omitTracedRuntimeInfo: true,
    callerOptions: { maxRetries: 3 },
    timeout_ms: 30_000,
  });
}
