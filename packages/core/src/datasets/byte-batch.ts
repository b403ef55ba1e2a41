/** Lines encoded into one buffer that is used again: no joined text and no bytes are made anew for each batch. */
export class ByteBatch {
  #buffer: Buffer;
  #length = 0;

  constructor(sizeBytes: number) {
    this.#buffer = Buffer.allocUnsafeSlow(sizeBytes);
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** Whether a line has room in what is left. A UTF-16 unit takes three bytes at most. */
  fits(line: string): boolean {
    return this.#length + line.length * 3 + 1 <= this.#buffer.length;
  }

  /** Adds a line and its line break. It has to fit; an empty batch grows for a larger one. */
  addLine(line: string): void {
    if (!this.fits(line)) this.#buffer = Buffer.allocUnsafeSlow(line.length * 3 + 1);
    // Each line for itself: joining lines and writing them at once takes three times as long.
    this.#length += this.#buffer.write(line, this.#length);
    this.#buffer[this.#length] = 0x0a;
    this.#length += 1;
  }

  /** Empties the batch. The bytes are valid until the next `addLine`. */
  take(): Buffer {
    const bytes = this.#buffer.subarray(0, this.#length);
    this.#length = 0;
    return bytes;
  }
}
