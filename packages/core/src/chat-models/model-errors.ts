import { type ErrorCode, ModelOpsError } from "../errors/modelops-error.ts";
import { safeServerMessage } from "../http/redact.ts";
import type { ErrorBody } from "./openai-wire.ts";

interface ErrorRule {
  readonly code: ErrorCode;
  readonly what: string;
  readonly fix: string;
  readonly isRetryable: boolean;
}

const RULES: Readonly<Record<string, ErrorRule>> = {
  invalid: {
    code: "model/invalid-request",
    what: "refused the request as invalid",
    fix: "check the model name, the parameters and extraBody against the server's documentation.",
    isRetryable: false,
  },
  tooLong: {
    code: "model/context-too-long",
    what: "refused the request: prompt and answer do not fit its context",
    fix: "shorten the prompt, lower maxOutputTokens, or choose a model with a longer context.",
    isRetryable: false,
  },
  authentication: {
    code: "model/authentication",
    what: "did not accept the API key",
    fix: "pass a valid apiKey for this server.",
    isRetryable: false,
  },
  payment: {
    code: "model/payment-required",
    what: "has no credit left for this key",
    fix: "add credit or raise the key's limit.",
    isRetryable: false,
  },
  forbidden: {
    code: "model/forbidden",
    what: "refused this request (moderation, a guardrail or the key's rights)",
    fix: "read the server's reason; check the key's rights and the provider's content rules.",
    isRetryable: false,
  },
  notFound: {
    code: "model/not-found",
    what: "does not know the model or the path",
    fix: "check the model name and that the base URL ends where /chat/completions begins (often /v1).",
    isRetryable: false,
  },
  timeout: {
    code: "model/timeout",
    what: "gave up waiting for the model",
    fix: "try again later or choose a faster provider.",
    isRetryable: true,
  },
  rateLimited: {
    code: "model/rate-limited",
    what: "is rate limiting",
    fix: "lower the concurrency, raise maxAttempts, or wait as long as the server asks.",
    isRetryable: true,
  },
  server: {
    code: "model/server-error",
    what: "failed",
    fix: "try again later; if it lasts, choose another provider.",
    isRetryable: true,
  },
};

/** Turns a status and error body into one typed error. `status` may come from the body of a 200 answer. */
export function modelHttpError(options: {
  readonly subject: string;
  readonly status: number;
  readonly body: ErrorBody | null;
  readonly retryAfterMs: number | null;
  readonly requestId: string | null;
  readonly secrets: readonly string[];
  readonly prompts: readonly string[];
}): ModelOpsError {
  const { subject, status, body, retryAfterMs } = options;
  const rule = ruleFor(status, body);
  const said = body?.message ? safeServerMessage(body.message, options) : null;
  // A payment refusal with Retry-After is a full in-flight budget: it passes by itself.
  const isRetryable = rule.isRetryable || (rule === RULES.payment && retryAfterMs !== null);
  return new ModelOpsError({
    code: rule.code,
    message: `${subject} ${rule.what} (HTTP ${status}).`,
    reason: said === null ? undefined : `It says: ${said}`,
    fix: rule.fix,
    isRetryable,
    details: {
      status,
      retryAfterMs,
      requestId: options.requestId,
      errorType: machineWord(body?.metadata?.error_type ?? body?.type ?? body?.code),
    },
  });
}

function ruleFor(status: number, body: ErrorBody | null): ErrorRule {
  const words = [body?.code, body?.type, body?.metadata?.error_type].map((word) => String(word ?? ""));
  if (words.includes("insufficient_quota")) return rule("payment");
  if (words.some((word) => word.startsWith("context_length_exceeded"))) return rule("tooLong");
  if (status === 400 || status === 422 || status === 405) return rule("invalid");
  if (status === 413) return rule("tooLong");
  if (status === 401) return rule("authentication");
  if (status === 402) return rule("payment");
  if (status === 403) return rule("forbidden");
  if (status === 404) return rule("notFound");
  if (status === 408 || status === 504 || status === 524) return rule("timeout");
  if (status === 429) return rule("rateLimited");
  return status >= 500 ? rule("server") : rule("invalid");
}

function rule(name: string): ErrorRule {
  const found = RULES[name];
  if (!found) throw new TypeError(`no error rule ${name}`);
  return found;
}

/** Enumerated words only: free text of a server may hold the prompt. */
function machineWord(value: string | number | null | undefined): string | null {
  const word = String(value ?? "");
  return /^[a-zA-Z0-9_.-]{1,60}$/.test(word) ? word : null;
}

/** The answer arrived but cannot be used. Retryable: servers that do this once rarely do it twice. */
export function unusableAnswer(options: {
  readonly subject: string;
  readonly reason: string;
  readonly requestId: string | null;
}): ModelOpsError {
  return new ModelOpsError({
    code: "model/unusable-answer",
    message: `${options.subject} sent an answer that is not a chat completion.`,
    reason: options.reason,
    fix: "check that the base URL is an OpenAI-compatible API (often it ends in /v1).",
    isRetryable: true,
    details: { requestId: options.requestId },
  });
}
