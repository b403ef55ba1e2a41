const RATIO = 1.02;
const LOG_RATIO = Math.log(RATIO);

/** Distribution of lengths in constant memory; percentiles are within 2 %. */
export class LengthHistogram {
  readonly #buckets: number[] = [];
  #count = 0;
  #total = 0;
  #max = 0;

  add(length: number): void {
    const bucket = length <= 1 ? 0 : Math.ceil(Math.log(length) / LOG_RATIO);
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    this.#count += 1;
    this.#total += length;
    if (length > this.#max) this.#max = length;
  }

  summary(): {
    readonly mean: number;
    readonly p50: number;
    readonly p95: number;
    readonly max: number;
    readonly total: number;
  } {
    const mean = this.#count === 0 ? 0 : this.#total / this.#count;
    return {
      mean: Math.round(mean * 10) / 10,
      p50: this.#percentile(0.5),
      p95: this.#percentile(0.95),
      max: this.#max,
      total: this.#total,
    };
  }

  #percentile(share: number): number {
    let seen = 0;
    for (const [bucket, count] of this.#buckets.entries()) {
      seen += count ?? 0;
      if (this.#count > 0 && seen >= share * this.#count)
        return Math.min(this.#max, Math.round(RATIO ** bucket));
    }
    return 0;
  }
}
