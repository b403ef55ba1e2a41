import { ModelOpsError } from "@modelops/core";
import type { LoggedRequest } from "./request-log.ts";
import { spellingsOf } from "./secret-spellings.ts";

export interface SecretLeak {
  readonly requestNumber: number;
  readonly method: string;
  readonly path: string;
  /** `url`, `header <name>` or `body`. Never the secret itself. */
  readonly place: string;
}

const PROPER_HEADERS = new Set(["authorization", "x-api-key"]);

/** More of a binary body is not searched: weights are large, and rarely talkative. */
const MAX_SEARCHED_BYTES = 8 * 2 ** 20;

/**
 * Looks for known secrets where they do not belong: in addresses, in headers other than `authorization` and
 * `x-api-key`, in bodies outside the fields for secrets of a job or an endpoint; plain or in base64. Tokens that arrive in a
 * proper header become known.
 */
export class SecretGuard {
  readonly #secrets = new Map<string, readonly string[]>();
  readonly #leaks: SecretLeak[] = [];

  constructor(secrets: readonly string[] = []) {
    for (const secret of secrets) this.add(secret);
  }

  add(secret: string): void {
    // Very short values would be found everywhere.
    if (secret.length >= 8 && !this.#secrets.has(secret)) this.#secrets.set(secret, spellingsOf(secret));
  }

  get leaks(): readonly SecretLeak[] {
    return this.#leaks;
  }

  /** Examines a request; returns the leaks found in it. `content` is its unpacked body where the log holds no text of it. */
  examine(request: LoggedRequest, content: Uint8Array | null = null): readonly SecretLeak[] {
    for (const name of PROPER_HEADERS) {
      const value = request.headers[name];
      if (value !== undefined) this.add(value.replace(/^(bearer|basic|token)\s+/i, ""));
    }
    const found: SecretLeak[] = [];
    const note = (place: string) =>
      found.push({ requestNumber: request.number, method: request.method, path: request.path, place });
    const address = [request.path, ...Object.entries(request.query).flat()];
    const headers = Object.entries(request.headers).filter(([name]) => !PROPER_HEADERS.has(name));
    const body = searchable(request.bodyText, content);
    for (const spellings of this.#secrets.values()) {
      const isIn = (text: string | Buffer) => spellings.some((spelling) => text.includes(spelling));
      if (address.some(isIn)) note("url");
      for (const [name, value] of headers) if (isIn(value)) note(`header ${name}`);
      if (isIn(body)) note("body");
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

function searchable(bodyText: string | null, content: Uint8Array | null): string | Buffer {
  if (bodyText !== null) return withoutSecretFields(bodyText);
  if (content === null) return "";
  return Buffer.from(content.buffer, content.byteOffset, Math.min(content.byteLength, MAX_SEARCHED_BYTES));
}

function withoutSecretFields(bodyText: string): string {
  if (!/"(secrets|credentials)"/.test(bodyText)) return bodyText;
  try {
    return JSON.stringify(withoutSecrets(JSON.parse(bodyText)));
  } catch {
    return bodyText;
  }
}

/** Where a job and an endpoint take secrets: `secrets`, `jobSpec.secrets`, `model.secrets`, `model.image.custom.credentials`. */
const WAYS_TO_SECRETS = new Set(["jobSpec", "model", "image", "custom"]);

function withoutSecrets(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).filter(([key]) => key !== "secrets" && key !== "credentials");
  return Object.fromEntries(
    entries.map(([key, inner]) => [key, WAYS_TO_SECRETS.has(key) ? withoutSecrets(inner) : inner]),
  );
}
