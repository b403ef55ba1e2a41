import { ModelOpsError } from "@modelops/core";
import type { LoggedRequest } from "./request-log.ts";

export interface SecretLeak {
  readonly requestNumber: number;
  readonly method: string;
  readonly path: string;
  /** `url`, `header <name>` or `body`. Never the secret itself. */
  readonly place: string;
}

const PROPER_HEADERS = new Set(["authorization", "x-api-key"]);

/**
 * Looks for known secrets where they do not belong: in addresses, in headers other than `authorization` and
 * `x-api-key`, in bodies outside a top-level `secrets` field. Tokens that arrive in a proper header become known.
 */
export class SecretGuard {
  readonly #secrets = new Set<string>();
  readonly #leaks: SecretLeak[] = [];

  constructor(secrets: readonly string[] = []) {
    for (const secret of secrets) this.add(secret);
  }

  add(secret: string): void {
    // Very short values would be found everywhere.
    if (secret.length >= 8) this.#secrets.add(secret);
  }

  get leaks(): readonly SecretLeak[] {
    return this.#leaks;
  }

  /** Examines a request; returns the leaks found in it. */
  examine(request: LoggedRequest): readonly SecretLeak[] {
    for (const name of PROPER_HEADERS) {
      const value = request.headers[name];
      if (value !== undefined) this.add(value.replace(/^(bearer|basic|token)\s+/i, ""));
    }
    const found: SecretLeak[] = [];
    const note = (place: string) =>
      found.push({ requestNumber: request.number, method: request.method, path: request.path, place });
    const address = `${request.path}?${new URLSearchParams(request.query)}`;
    const body = bodyWithoutSecretsField(request.bodyText);
    for (const secret of this.#secrets) {
      if (address.includes(secret) || address.includes(encodeURIComponent(secret))) note("url");
      for (const [name, value] of Object.entries(request.headers)) {
        if (!PROPER_HEADERS.has(name) && value.includes(secret)) note(`header ${name}`);
      }
      if (body?.includes(secret)) note("body");
    }
    this.#leaks.push(...found);
    return found;
  }

  /** Throws `testing/secret-leaked` when a secret was seen where it does not belong. */
  assertNone(): void {
    const [first] = this.#leaks;
    if (!first) return;
    throw new ModelOpsError({
      code: "testing/secret-leaked",
      message: `A secret was sent in the ${first.place} of request ${first.requestNumber}: ${first.method} ${first.path}.`,
      reason: `${this.#leaks.length} such ${this.#leaks.length === 1 ? "place was" : "places were"} found.`,
      fix: "send tokens in the authorization header or in the secrets field, nowhere else.",
      details: { leaks: this.#leaks },
    });
  }
}

/** A job's `secrets` field is where its secrets belong. */
function bodyWithoutSecretsField(bodyText: string | null): string | null {
  if (bodyText === null || !bodyText.includes('"secrets"')) return bodyText;
  try {
    return JSON.stringify(withoutSecrets(JSON.parse(bodyText)));
  } catch {
    return bodyText;
  }
}

function withoutSecrets(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).filter(([key]) => key !== "secrets");
  // Scheduled jobs carry the job one level deeper.
  return Object.fromEntries(
    entries.map(([key, inner]) => [key, key === "jobSpec" ? withoutSecrets(inner) : inner]),
  );
}
