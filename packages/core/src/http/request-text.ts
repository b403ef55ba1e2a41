import { type ErrorArea, ModelOpsError } from "../errors/modelops-error.ts";
import { redact } from "./redact.ts";

export interface TextRequest {
  readonly fetch: typeof globalThis.fetch;
  readonly url: string;
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For the whole exchange, the body included. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** A longer answer is refused. */
  readonly maxResponseBytes?: number;
  /** First half of the error codes: `model/timeout`, `hub/timeout` … */
  readonly area: ErrorArea;
  /** What is called, for messages: `The model "x" at https://host`. */
  readonly subject: string;
  readonly secrets: readonly string[];
}

export interface TextResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** From the request to the last byte of the answer. */
  readonly durationMs: number;
}

const MAX_RESPONSE_BYTES = 64 * 1024 * 1024;

/**
 * One HTTP exchange, its answer read to the end under one timeout. Any status resolves; what keeps an answer from
 * arriving rejects: `…/timeout`, `…/unreachable`, `…/interrupted` (all retryable), `…/redirected`, `…/answer-too-long`.
 * An abort by the caller's signal rejects with the signal's own reason.
 */
export async function requestText(request: TextRequest): Promise<TextResponse> {
  const { signal, area, subject } = request;
  signal?.throwIfAborted();
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    controller.abort();
  }, request.timeoutMs);
  const startedAt = performance.now();
  let headersArrived = false;
  try {
    const response = await request.fetch(request.url, {
      method: request.method,
      headers: request.headers,
      body: request.body,
      signal: controller.signal,
      // Following would turn a POST into a GET and might carry the key to another host.
      redirect: "manual",
    });
    headersArrived = true;
    if (response.status >= 300 && response.status < 400) {
      await response.body?.cancel();
      throw new ModelOpsError({
        code: `${area}/redirected`,
        message: `${subject} answered with a redirect (HTTP ${response.status}).`,
        reason: "Redirects are not followed: they would carry the key to another address.",
        fix: "set the base URL to the final address.",
        details: { status: response.status },
      });
    }
    const text = await readLimited(response, request);
    return {
      status: response.status,
      headers: response.headers,
      text,
      durationMs: performance.now() - startedAt,
    };
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (ModelOpsError.isInstance(error)) throw error;
    throw transportError(error, { request, timedOut, headersArrived });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

async function readLimited(response: Response, request: TextRequest): Promise<string> {
  const limit = request.maxResponseBytes ?? MAX_RESPONSE_BYTES;
  if (!response.body) return "";
  const decoder = new TextDecoder();
  const parts: string[] = [];
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > limit) {
      throw new ModelOpsError({
        code: `${request.area}/answer-too-long`,
        message: `${request.subject} sent more than ${limit} bytes.`,
        fix: "lower maxOutputTokens, or check that the base URL is an API and not a file server.",
        details: { limitBytes: limit },
      });
    }
    parts.push(decoder.decode(chunk, { stream: true }));
  }
  parts.push(decoder.decode());
  return parts.join("");
}

function transportError(
  error: unknown,
  state: { readonly request: TextRequest; readonly timedOut: boolean; readonly headersArrived: boolean },
): ModelOpsError {
  const { area, subject, timeoutMs, secrets } = state.request;
  if (state.timedOut) {
    return new ModelOpsError({
      code: `${area}/timeout`,
      message: `${subject} did not answer within ${timeoutMs} ms.`,
      fix: "raise timeoutMs, or look whether the server is overloaded.",
      isRetryable: true,
      details: { timeoutMs },
    });
  }
  // Foreign errors may hold headers and bodies: only their code and first line are kept.
  const systemCode = networkCode(error);
  const reason = redact(firstLine(error), secrets);
  if (state.headersArrived) {
    return new ModelOpsError({
      code: `${area}/interrupted`,
      message: `The answer of ${lowerFirst(subject)} broke off.`,
      reason: `The connection closed before the body was complete (${systemCode ?? reason}).`,
      fix: "try again; if it repeats, look for a proxy with a short time limit.",
      isRetryable: true,
      details: { networkCode: systemCode },
    });
  }
  return new ModelOpsError({
    code: `${area}/unreachable`,
    message: `${subject} could not be reached.`,
    reason: `${systemCode ?? reason}.`,
    fix: "check the base URL, the network and whether the server runs.",
    isRetryable: true,
    details: { networkCode: systemCode },
  });
}

function networkCode(error: unknown): string | null {
  for (let current: unknown = error, depth = 0; current instanceof Error && depth < 4; depth += 1) {
    const code = (current as { code?: unknown }).code;
    if (typeof code === "string") return code;
    current = current.cause;
  }
  return null;
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split("\n")[0] ?? "").slice(0, 200);
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
