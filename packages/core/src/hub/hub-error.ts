import { ModelOpsError } from "../errors/modelops-error.ts";

/** Turns what the Hub client threw into a `ModelOpsError`: one place decides what a status means. */
export function hubError(error: unknown, subject: string): ModelOpsError {
  if (ModelOpsError.isInstance(error)) return error;
  const status = statusOf(error);
  const details = status === null ? {} : { status };
  if (status === 401 || status === 403) {
    return new ModelOpsError({
      code: "hub/no-access",
      message: `The Hub refused access to ${subject}.`,
      reason: `It answered ${status}: the token is missing or wrong, or the repository is private or gated.`,
      fix: "set HF_TOKEN to a token with read access; for a gated model, open its page on the Hub and accept the terms first.",
      details,
      cause: error,
    });
  }
  if (status === 404) {
    return new ModelOpsError({
      code: "hub/not-found",
      message: `The Hub knows no ${subject}.`,
      reason: "It answered 404; private repositories look the same without a token.",
      fix: "check the spelling (organization/name) and the revision.",
      details,
      cause: error,
    });
  }
  if (status !== null) {
    return new ModelOpsError({
      code: "hub/request-failed",
      message: `The Hub did not answer for ${subject}.`,
      reason: `It answered ${status}.`,
      fix: status >= 500 || status === 429 ? "try again later." : "check the request.",
      isRetryable: status >= 500 || status === 429,
      details,
      cause: error,
    });
  }
  if (!(error instanceof TypeError)) {
    return new ModelOpsError({
      code: "hub/unexpected-reply",
      message: `The Hub's answer for ${subject} could not be used.`,
      reason: causeMessage(error),
      fix: "try again; if it stays, check that the Hub address (HF_ENDPOINT) is right.",
      isRetryable: true,
      cause: error,
    });
  }
  // fetch rejects with a TypeError when no answer came at all.
  return new ModelOpsError({
    code: "hub/unreachable",
    message: `The Hub could not be reached for ${subject}.`,
    reason: causeMessage(error),
    fix: "check the network, or give the path of a local model folder instead of a Hub id.",
    isRetryable: true,
    cause: error,
  });
}

function statusOf(error: unknown): number | null {
  if (typeof error !== "object" || error === null || !("statusCode" in error)) return null;
  return typeof error.statusCode === "number" ? error.statusCode : null;
}

/** fetch says "fetch failed" and hides the reason one level deeper. */
function causeMessage(error: unknown): string {
  if (!(error instanceof Error)) return "The request failed.";
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : "";
  return `${error.message}${cause}.`;
}
