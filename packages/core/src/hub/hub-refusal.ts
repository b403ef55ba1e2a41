import { ModelOpsError } from "../errors/modelops-error.ts";

/** Turns a refused reading of the Hub into the error that says what to do: its statuses alone do not. */
export function refusal(
  error: ModelOpsError,
  context: {
    readonly subject: string;
    /** Page where access can be asked for. */
    readonly page: string | null;
    readonly hasToken: boolean;
    /** `X-Error-Code` and `X-Error-Message`. */
    readonly code: string | null;
    readonly said: string | null;
  },
): ModelOpsError {
  const { subject, page, hasToken, code, said } = context;
  const { status } = error.details;
  const details = { ...error.details, ...(page === null ? {} : { url: page }) };
  if (code === "GatedRepo") {
    return new ModelOpsError({
      code: "hub/gated",
      message: `The ${subject} is gated.`,
      reason: hasToken
        ? "The token's account is not on the list of those who may read it."
        : "Only accounts that have accepted its terms may read it, and there is no token.",
      fix: `open ${page ?? "its page"}, accept the terms or ask for access${hasToken ? "" : ", then set HF_TOKEN"}.`,
      details,
      cause: error,
    });
  }
  if (/access to this resource is disabled/i.test(`${said ?? ""} ${error.reason ?? ""}`)) {
    return new ModelOpsError({
      code: "hub/disabled",
      message: `The Hub has disabled the ${subject}.`,
      reason: "Its owner or the Hub closed it; nobody can read it at present.",
      fix: "choose another one, or ask its owner.",
      details,
      cause: error,
    });
  }
  if (status === 401 && (/invalid credentials/i.test(said ?? "") || (hasToken && code === null))) {
    return new ModelOpsError({
      code: "hub/no-access",
      message: "The Hub does not accept the token.",
      reason: "It has expired, was revoked, or is not one of its tokens.",
      fix: "make a new token with read access and set it as HF_TOKEN.",
      details,
      cause: error,
    });
  }
  if (code === "RevisionNotFound" || code === "EntryNotFound") {
    return new ModelOpsError({
      code: "hub/not-found",
      message: `The ${subject} has no such ${code === "RevisionNotFound" ? "revision" : "file"}.`,
      fix: "check the branch, tag or commit.",
      details,
      cause: error,
    });
  }
  if (status === 404 || status === 401) {
    return new ModelOpsError({
      code: "hub/not-found",
      message: `The Hub knows no ${subject}.`,
      reason: hasToken
        ? "It was deleted or never there, or it is private and the token's account may not see it: the Hub does not say which."
        : "It was deleted or never there, or it is private: without a token these look the same.",
      fix: hasToken
        ? "check the spelling (owner/name), or use a token of an account that may see it."
        : "check the spelling (owner/name); for a private repository set HF_TOKEN.",
      details,
      cause: error,
    });
  }
  if (status === 403) {
    return new ModelOpsError({
      code: "hub/no-access",
      message: `The Hub refused access to the ${subject}.`,
      reason: error.reason ?? "The token lacks the right to read it.",
      fix: "use a token with read access to it.",
      details,
      cause: error,
    });
  }
  return error;
}
