import type { ChatRequest } from "../contract/chat-model.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { retryAfterMs } from "../http/retry-after.ts";
import { modelHttpError } from "./model-errors.ts";

/**
 * What another library threw, as an error of ours. Its own error is not kept as a cause: such errors hold the request
 * body and sometimes the key.
 */
export function foreignModelError(
  error: unknown,
  context: { readonly subject: string; readonly request: ChatRequest; readonly nowMs: number },
): ModelOpsError {
  if (ModelOpsError.isInstance(error)) return error;
  const { subject } = context;
  const fields = typeof error === "object" && error !== null ? (error as Record<string, unknown>) : {};
  const status = [fields.statusCode, fields.status].find(
    (value): value is number => typeof value === "number",
  );
  if (status !== undefined && status >= 400) {
    const headers = headersOf(fields.responseHeaders ?? fields.headers);
    return modelHttpError({
      subject,
      status,
      body: { code: typeof fields.code === "string" ? fields.code : null },
      retryAfterMs: retryAfterMs(headers, context.nowMs),
      requestId: headers.get("x-request-id"),
      secrets: [],
      prompts: [],
    });
  }
  const name = error instanceof Error ? error.name : typeof error;
  const isTimeout = /timeout/i.test(name);
  return new ModelOpsError({
    code: isTimeout ? "model/timeout" : "model/failed",
    message: isTimeout
      ? `${subject} did not answer in time.`
      : `${subject} failed with ${name.slice(0, 80)}.`,
    fix: "look at the model's own log; try the same request outside of the evaluation.",
    // Connections that break have no status; anything else is a bug that would repeat.
    isRetryable: isTimeout || fields.isRetryable === true || /connection|fetch|socket|network/i.test(name),
  });
}

function headersOf(value: unknown): Headers {
  if (value instanceof Headers) return value;
  if (typeof value !== "object" || value === null) return new Headers();
  const entries = Object.entries(value).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string",
  );
  return new Headers(entries);
}
