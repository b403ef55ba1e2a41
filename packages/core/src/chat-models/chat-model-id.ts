import { ModelOpsError } from "../errors/modelops-error.ts";

/** A base URL without a trailing slash, query or fragment. User and password in it are refused: URLs end up in logs. */
export function normalisedBaseUrl(baseUrl: string): string {
  let url: URL;
  try {
    url = new URL(baseUrl);
  } catch (cause) {
    throw new ModelOpsError({
      code: "input/base-url",
      message: "baseUrl is not a URL.",
      fix: 'give a full address such as "http://127.0.0.1:8000/v1".',
      cause,
    });
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new ModelOpsError({
      code: "input/base-url",
      message: `baseUrl uses ${url.protocol.slice(0, 20)} instead of http or https.`,
      fix: 'give an address such as "https://host/v1".',
    });
  }
  if (url.username || url.password) {
    throw new ModelOpsError({
      code: "input/base-url",
      message: "baseUrl holds a user name or password.",
      reason: "URLs are written to logs, errors and cache keys.",
      fix: "pass apiKey, or an Authorization header in headers.",
    });
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}
