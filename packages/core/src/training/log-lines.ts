import { PROGRESS_PREFIX, parseProgressLine } from "./progress-line.ts";

const NEWLINE = 0x0a;
const MAX_LINE_BYTES = 1024 * 1024;
const CUT_MARK = " [line cut]";

/**
 * Cuts a byte stream into lines, whatever the size of its chunks: the same bytes always give the same lines, so a
 * line's position can serve as its index. Carriage returns (progress bars) end a line too; empty lines are left out.
 * A progress object that follows a bar on the same line is split off. A line over 1 MiB is cut, not collected.
 */
export class LogLineSplitter {
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #isCut = false;

  /** Lines that are complete after these bytes. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE, start); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#keep(chunk.subarray(start, end));
      lines.push(...this.#take());
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
    return lines;
  }

  /** What is left when the stream has ended without a line break. */
  end(): string[] {
    return this.#take();
  }

  #keep(bytes: Buffer): void {
    const room = MAX_LINE_BYTES - this.#pendingBytes;
    if (bytes.length > room) this.#isCut = true;
    if (room <= 0 || bytes.length === 0) return;
    // A copy: the reader may reuse its buffer for the next chunk.
    const kept = Buffer.from(bytes.subarray(0, room));
    this.#pending.push(kept);
    this.#pendingBytes += kept.length;
  }

  #take(): string[] {
    const text = Buffer.concat(this.#pending).toString("utf8") + (this.#isCut ? CUT_MARK : "");
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#isCut = false;
    return text
      .split("\r")
      .flatMap(splitProgress)
      .filter((line) => line.trim() !== "");
  }
}

function splitProgress(line: string): string[] {
  const at = line.indexOf(PROGRESS_PREFIX);
  if (at <= 0) return [line];
  const progress = line.slice(at);
  return parseProgressLine(progress) ? [line.slice(0, at), progress] : [line];
}
