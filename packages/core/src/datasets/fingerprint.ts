import { createHash } from "node:crypto";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { canonicalJson } from "./canonical-row.ts";

const PENDING_LENGTH = 32 * 1024;

/** SHA-256 over the canonical JSON of each row and a line break: equal fingerprints mean equal rows in equal order. */
export class RowFingerprint {
  readonly #hash = createHash("sha256");
  #rows = 0;
  #pending = "";

  add(row: Readonly<Record<string, unknown>>): void {
    this.addCanonical(canonicalRow(row));
  }

  /** For callers that need the row's canonical JSON themselves. */
  addCanonical(json: string): void {
    this.#rows += 1;
    // One call of the hash for many rows: the call costs more than a short row.
    this.#pending += `${json}\n`;
    if (this.#pending.length > PENDING_LENGTH) this.#flush();
  }

  get rows(): number {
    return this.#rows;
  }

  /** `sha256:…`; ends the fingerprint. */
  digest(): string {
    this.#flush();
    return `sha256:${this.#hash.digest("hex")}`;
  }

  #flush(): void {
    this.#hash.update(this.#pending);
    this.#pending = "";
  }
}

export function canonicalRow(row: Readonly<Record<string, unknown>>): string {
  try {
    return canonicalJson(row);
  } catch (error) {
    throw new ModelOpsError({
      code: "dataset/not-json",
      message: "A row holds something that JSON cannot express.",
      reason: error instanceof Error ? error.message : String(error),
      fix: "give strings, finite numbers, booleans, null, arrays and plain objects, without broken surrogate pairs.",
      cause: error,
    });
  }
}
