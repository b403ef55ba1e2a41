import { canonicalJson, isPlainKey } from "./canonical-row.ts";

/**
 * RFC 8785 JSON of many rows that mostly have the same fields: their order is worked out once, and the fields of a row are
 * put in that order into one object that is used again.
 */
export class CanonicalRows {
  /** Whether the last row had other fields than the one before it. */
  hasNewFields = false;
  #keys: string[] = [];
  #ordered: Record<string, unknown> | null = null;
  #orderedKeys: string[] = [];

  of(row: Readonly<Record<string, unknown>>): string {
    this.hasNewFields = !this.#hasKnownKeys(row);
    if (this.hasNewFields) this.#learn(row);
    const ordered = this.#ordered;
    if (!ordered) return canonicalJson(row);
    for (const key of this.#orderedKeys) {
      const value = row[key];
      const isSimple =
        typeof value === "string"
          ? value.isWellFormed()
          : value === null ||
            typeof value === "boolean" ||
            (typeof value === "number" && Number.isFinite(value));
      if (!isSimple) return canonicalJson(row);
      ordered[key] = value;
    }
    return JSON.stringify(ordered);
  }

  #hasKnownKeys(row: Readonly<Record<string, unknown>>): boolean {
    let index = 0;
    for (const key in row) {
      if (key !== this.#keys[index]) return false;
      index += 1;
    }
    return index === this.#keys.length;
  }

  #learn(row: Readonly<Record<string, unknown>>): void {
    this.#keys = Object.keys(row);
    this.#orderedKeys = this.#keys.toSorted();
    // Names that cannot be ordered by inserting them are left to the slow way.
    this.#ordered = this.#keys.every(isPlainKey)
      ? Object.fromEntries(this.#orderedKeys.map((key) => [key, null]))
      : null;
  }
}
