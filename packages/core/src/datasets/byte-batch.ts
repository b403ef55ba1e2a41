const TEXT_LENGTH = 8 * 1024;

/** Lines encoded into one buffer that is used again: no joined text and no bytes are made anew for each batch. */
export class ByteBatch {
  #buffer: Buffer;
  #length = 0;
  /** Lines that wait to be encoded: one call for many short ones. */
  #text = "";

  constructor(sizeBytes: number) {
    this.#buffer = Buffer.allocUnsafeSlow(sizeBytes);
  }

  get isEmpty(): boolean {
    return this.#length === 0 && this.#text === "";
  }

  /** Whether a line has room in what is left. A UTF-16 unit takes three bytes at most. */
  fits(line: string): boolean {
    return this.#length + (this.#text.length + line.length) * 3 <= this.#buffer.length;
  }

  /** Adds a line that fits; an empty batch grows for a larger one. */
  add(line: string): void {
    if (!this.fits(line)) this.#buffer = Buffer.allocUnsafeSlow(line.length * 3);
    this.#text += line;
    if (this.#text.length >= TEXT_LENGTH) this.#encode();
  }

  /** Empties the batch. The bytes are valid until the next `add`. */
  take(): Buffer {
    this.#encode();
    const bytes = this.#buffer.subarray(0, this.#length);
    this.#length = 0;
    return bytes;
  }

  #encode(): void {
    this.#length += this.#buffer.write(this.#text, this.#length);
    this.#text = "";
  }
}
