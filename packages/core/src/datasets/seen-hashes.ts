/** 53 bits of a text (two multiply-xor lanes, after cyrb53): two different texts of a million collide once in 18,000 runs. */
export function hashText(text: string, seed = 0): number {
  let one = 0xdeadbeef ^ seed;
  let two = 0x41c6ce57 ^ seed;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    one = Math.imul(one ^ code, 2654435761);
    two = Math.imul(two ^ code, 1597334677);
  }
  return finishedHash(one, two);
}

/** The 53 bits of two lanes, each mixed with the other. */
export function finishedHash(first: number, second: number): number {
  let [one, two] = [first, second];
  one = Math.imul(one ^ (one >>> 16), 2246822507) ^ Math.imul(two ^ (two >>> 13), 3266489909);
  two = Math.imul(two ^ (two >>> 16), 2246822507) ^ Math.imul(one ^ (one >>> 13), 3266489909);
  return 4294967296 * (2097151 & two) + (one >>> 0);
}

/** A set of hashes: 16 bytes per entry where a JavaScript Set takes about 40. */
export class SeenHashes {
  #table = new Float64Array(1024);
  #size = 0;

  /** True when it was not there yet. */
  add(hash: number): boolean {
    if (this.#size * 2 >= this.#table.length) this.#grow();
    // Zero marks a free place.
    if (!this.#place(this.#table, hash + 1)) return false;
    this.#size += 1;
    return true;
  }

  #place(table: Float64Array, value: number): boolean {
    const mask = table.length - 1;
    for (let at = value & mask; ; at = (at + 1) & mask) {
      if (table[at] === value) return false;
      if (table[at] === 0) {
        table[at] = value;
        return true;
      }
    }
  }

  #grow(): void {
    const larger = new Float64Array(this.#table.length * 2);
    for (const value of this.#table) if (value !== 0) this.#place(larger, value);
    this.#table = larger;
  }
}
