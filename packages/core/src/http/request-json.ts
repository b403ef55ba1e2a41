import type { z } from "zod";
import { errorFromZod } from "../errors/from-zod.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { Clock } from "../time/clock.ts";
import { safeServerMessage } from "./redact.ts";
import { requestText, type TextRequest, type TextResponse } from "./request-text.ts";
import { type RetryPolicy, withRetries } from "./retry.ts";
import { retryAfterMs } from "./retry-after.ts";

export interface JsonRequest<Schema extends z.ZodType> extends TextRequest {
  /** What is read of the answer. Keep it small and nullish: services add and drop fields. */
  readonly schema: Schema;
  readonly clock: Clock;
  /** How often a request that may be repeated is repeated. Leave out for requests that cost money. */
  readonly retry?: RetryPolicy;
}

/**
 * One exchange whose answer is JSON: checked against the schema, statuses from 400 on turned into typed errors
 * (`…/unauthorized`, `…/payment-required`, `…/forbidden`, `…/not-found`, `…/conflict`, `…/rate-limited`,
 * `…/server-error`, `…/refused`), an unreadable body into `…/unexpected-reply`.
 */
export async function requestJson<Schema extends z.ZodType>(
  request: JsonRequest<Schema>,
): Promise<z.output<Schema>> {
  const policy = request.retry ?? { maxAttempts: 1, baseWaitMs: 0, maxWaitMs: 0 };
  const { value } = await withRetries(
    async () => {
      const response = await requestText(request);
      if (response.status >= 400) throw statusError(response, request);
      return parse(response, request);
    },
    policy,
    { clock: request.clock, random: Math.random, signal: request.signal },
  );
  return value;
}

function parse<Schema extends z.ZodType>(
  response: TextResponse,
  request: JsonRequest<Schema>,
): z.output<Schema> {
  let value: unknown;
  try {
    value = response.text === "" ? null : JSON.parse(response.text);
  } catch (cause) {
    throw new ModelOpsError({
      code: `${request.area}/unexpected-reply`,
      message: `${request.subject} answered ${response.status} with something that is not JSON.`,
      fix: "check the base URL; a proxy or a login page may have answered instead.",
      details: { status: response.status },
      cause,
    });
  }
  const result = request.schema.safeParse(value);
  if (!result.success) {
    throw errorFromZod(result.error, {
      code: `${request.area}/unexpected-reply`,
      subject: `The answer of ${request.subject}`,
      fix: "the service has changed its reply, or another server answered: check the base URL.",
    });
  }
  return result.data;
}

const STATUS_WORDS: Readonly<Record<number, readonly [slug: string, what: string, fix: string]>> = {
  401: ["unauthorized", "did not accept the token", "pass a valid token."],
  402: ["payment-required", "asks for payment", "add credit to the account."],
  403: ["forbidden", "refused: the token lacks the right", "use a token with the needed permission."],
  404: ["not-found", "knows nothing under this name", "check the name and the account it belongs to."],
  409: [
    "conflict",
    "refused: the name is taken or the state does not allow it",
    "look at the current state first.",
  ],
  429: ["rate-limited", "is rate limiting", "wait and try again."],
};

function statusError(
  response: TextResponse,
  request: TextRequest & { readonly clock: Clock },
): ModelOpsError {
  const [slug, what, fix] =
    STATUS_WORDS[response.status] ??
    (response.status >= 500
      ? ["server-error", "failed", "try again later."]
      : ["refused", "refused the request", "correct the request as the service says."]);
  const said = safeServerMessage(serverMessage(response.text), { secrets: request.secrets, prompts: [] });
  return new ModelOpsError({
    code: `${request.area}/${slug}`,
    message: `${request.subject} ${what} (HTTP ${response.status}).`,
    reason: said === null ? undefined : `It says: ${said}`,
    fix,
    isRetryable: response.status === 408 || response.status === 429 || response.status >= 500,
    details: {
      status: response.status,
      retryAfterMs: retryAfterMs(response.headers, request.clock.now()),
      requestId: response.headers.get("x-request-id"),
    },
  });
}

/** `{error: "…"}`, `{error: {message}}`, `{message}`: the forms services use. */
function serverMessage(text: string): string {
  try {
    const body = JSON.parse(text) as { error?: unknown; message?: unknown; detail?: unknown };
    const error = body.error;
    if (typeof error === "string") return error;
    if (typeof error === "object" && error !== null && "message" in error) return String(error.message);
    if (typeof body.message === "string") return body.message;
    if (typeof body.detail === "string") return body.detail;
  } catch {
    // Not JSON: an HTML error page says nothing useful.
  }
  return "";
}
