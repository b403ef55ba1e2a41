import { createHash } from "node:crypto";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { ByteBatch } from "./byte-batch.ts";
import { canonicalJson } from "./canonical-row.ts";
import { CanonicalRows } from "./canonical-rows.ts";

const BATCH_BYTES = 64 * 1024;

/** SHA-256 over the canonical JSON of each row and a line break: equal fingerprints mean equal rows in equal order. */
export class RowFingerprint {
  readonly #hash = createHash("sha256");
  #rows = 0;
  readonly #canonical = new CanonicalRows();
  readonly #batch = new ByteBatch(BATCH_BYTES);

  add(row: Readonly<Record<string, unknown>>): void {
    this.addCanonical(canonicalRow(row, this.#canonical));
  }

  /** For callers that need the row's canonical JSON themselves. */
  addCanonical(json: string): void {
    this.#rows += 1;
    // One call of the hash for many rows: the call costs more than a short row.
    if (!this.#batch.fits(json)) this.#flush();
    this.#batch.addLine(json);
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
    this.#hash.update(this.#batch.take());
  }
}

export function canonicalRow(row: Readonly<Record<string, unknown>>, rows?: CanonicalRows): string {
  try {
    return rows ? rows.of(row) : canonicalJson(row);
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
