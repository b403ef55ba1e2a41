import { hashText } from "./seen-hashes.ts";

const SHINGLE_WORDS = 3;
const NEAR_SHARE = 0.8;
/** Very short texts are equal or they are not: "near" would be guessing. */
const MIN_SHINGLES = 5;

interface Indexed {
  readonly line: number;
  readonly shingles: number;
}

/**
 * Finds training rows whose prompt is also in the evaluation set: the same up to case and spacing, or nearly the same
 * (Jaccard similarity of three-word pieces of 0.8 or more). Memory grows with the evaluation set only.
 */
export class OverlapIndex {
  readonly #exact = new Map<number, number>();
  readonly #rows: Indexed[] = [];
  readonly #byShingle = new Map<number, number[]>();

  add(prompt: string, line: number): void {
    const words = wordsOf(prompt);
    const hash = hashText(words.join(" "));
    if (this.#exact.has(hash)) return;
    this.#exact.set(hash, line);
    const shingles = shinglesOf(words);
    if (shingles.size < MIN_SHINGLES) return;
    const row = this.#rows.push({ line, shingles: shingles.size }) - 1;
    for (const shingle of shingles) {
      const rows = this.#byShingle.get(shingle);
      if (rows) rows.push(row);
      else this.#byShingle.set(shingle, [row]);
    }
  }

  get size(): number {
    return this.#exact.size;
  }

  /** The evaluation row that this prompt repeats, or null. */
  find(prompt: string): { readonly kind: "exact" | "near"; readonly line: number } | null {
    if (this.#exact.size === 0) return null;
    const words = wordsOf(prompt);
    const exact = this.#exact.get(hashText(words.join(" ")));
    if (exact !== undefined) return { kind: "exact", line: exact };
    const shingles = shinglesOf(words);
    if (shingles.size < MIN_SHINGLES) return null;
    const shared = new Map<number, number>();
    for (const shingle of shingles) {
      for (const row of this.#byShingle.get(shingle) ?? []) shared.set(row, (shared.get(row) ?? 0) + 1);
    }
    for (const [row, count] of shared) {
      const other = this.#rows[row];
      if (other && count / (shingles.size + other.shingles - count) >= NEAR_SHARE)
        return { kind: "near", line: other.line };
    }
    return null;
  }
}

function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

function shinglesOf(words: readonly string[]): Set<number> {
  const shingles = new Set<number>();
  for (let at = 0; at + SHINGLE_WORDS <= words.length; at += 1) {
    shingles.add(hashText(words.slice(at, at + SHINGLE_WORDS).join(" ")));
  }
  return shingles;
}
