import { finishedHash } from "./seen-hashes.ts";

/** As `hashText` in a quarter of the time, for hashes that are never kept: four bytes at a time, folded so that all count. */
export class RowHash {
  #buffer = Buffer.allocUnsafeSlow(16 * 1024);
  #view = new DataView(this.#buffer.buffer);

  of(text: string): number {
    if (text.length * 3 > this.#buffer.length) this.#grow(text.length * 3);
    const end = this.#buffer.write(text);
    const view = this.#view;
    let one = 0xdeadbeef ^ end;
    let two = 0x41c6ce57;
    let at = 0;
    for (; at + 4 <= end; at += 4) {
      const word = view.getInt32(at, true);
      one = Math.imul(one ^ word, 2654435761);
      one ^= one >>> 15;
      two = Math.imul(two ^ word, 1597334677);
      two ^= two >>> 13;
    }
    for (; at < end; at += 1) {
      const byte = view.getUint8(at);
      one = Math.imul(one ^ byte, 2654435761);
      two = Math.imul(two ^ byte, 1597334677);
    }
    return finishedHash(one, two);
  }

  #grow(sizeBytes: number): void {
    this.#buffer = Buffer.allocUnsafeSlow(sizeBytes);
    this.#view = new DataView(this.#buffer.buffer);
  }
}
