/** Seeded random whole numbers (mulberry32): the same seed always makes the same choices. */
export class SeededChoice {
  readonly #seed: number;
  #state: number;

  constructor(seed: number) {
    this.#seed = seed >>> 0;
    this.#state = this.#seed;
  }

  /** 0 to limit − 1. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return Math.floor((((value ^ (value >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  /** A sequence of its own for each part. */
  fork(index: number): SeededChoice {
    return new SeededChoice(Math.imul(this.#seed + index + 1, 0x9e3779b1));
  }
}
