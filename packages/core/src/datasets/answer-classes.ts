const MAX_CLASSES = 64;
const MAX_CLASS_LENGTH = 200;

/** Counts the answers while they are few enough to be classes (labels, intents); gives up once they are not. */
export class AnswerClasses {
  #counts: Map<string, number> | null = new Map();
  #total = 0;

  add(answer: string): void {
    if (!this.#counts) return;
    this.#total += 1;
    if (answer.length > MAX_CLASS_LENGTH) this.#counts = null;
    else this.#counts.set(answer, (this.#counts.get(answer) ?? 0) + 1);
    if (this.#counts && this.#counts.size > MAX_CLASSES) this.#counts = null;
  }

  /** Most frequent first; null when the answers are no classes (too many, or hardly any repeats). */
  list(): readonly { readonly answer: string; readonly count: number }[] | null {
    if (!this.#counts || this.#counts.size < 2 || this.#total < 4 * this.#counts.size) return null;
    return [...this.#counts]
      .map(([answer, count]) => ({ answer, count }))
      .sort((one, other) => other.count - one.count || (one.answer < other.answer ? -1 : 1));
  }
}
