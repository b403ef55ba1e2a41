import { formatDuration, type ModelOpsEvent } from "@modelops/core";

/** Where the demo writes: a terminal gets a progress bar that redraws, a pipe gets plain lines. */
export interface Display {
  heading(text: string): void;
  line(text: string): void;
  event(event: ModelOpsEvent): void;
  /** Share done in 0–1 and a short text beside it. */
  progress(share: number, text: string): void;
  /** Ends a progress bar so that the next line starts fresh. */
  endProgress(): void;
}

const BAR_WIDTH = 28;
const PLAIN_PROGRESS_STEP = 0.1;

export function createDisplay(options: {
  readonly stream: NodeJS.WriteStream;
  readonly isQuiet?: boolean;
}): Display {
  const { stream } = options;
  const isTerminal = stream.isTTY === true;
  const startedAt = performance.now();
  let barShown = false;
  let lastPlainShare = -1;

  const write = (text: string) => {
    if (options.isQuiet) return;
    stream.write(text);
  };
  const endProgress = () => {
    if (barShown) write("\n");
    barShown = false;
    lastPlainShare = -1;
  };
  const line = (text: string) => {
    endProgress();
    write(`${text}\n`);
  };
  return {
    heading: (text) =>
      line(`\n${isTerminal && !process.env.NO_COLOR ? `\u001b[1m${text}\u001b[0m` : `== ${text}`}`),
    line,
    event: (event) => {
      const seconds = formatDuration(performance.now() - startedAt);
      line(`  [${seconds.padStart(7)}] ${event.type}${event.subject ? `  ${event.subject}` : ""}`);
    },
    progress: (share, text) => {
      const bounded = Math.min(1, Math.max(0, share));
      if (isTerminal) {
        const filled = Math.round(bounded * BAR_WIDTH);
        write(
          `\r\u001b[2K  [${"#".repeat(filled)}${"-".repeat(BAR_WIDTH - filled)}] ${String(Math.round(bounded * 100)).padStart(3)} %  ${text}`,
        );
        barShown = true;
      } else if (bounded - lastPlainShare >= PLAIN_PROGRESS_STEP || (bounded >= 1 && lastPlainShare < 1)) {
        write(`  ${String(Math.round(bounded * 100)).padStart(3)} %  ${text}\n`);
        lastPlainShare = bounded;
      }
    },
    endProgress,
  };
}

/** Columns padded to their widest cell. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  return rows
    .map(
      (row) =>
        `  ${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd()}`,
    )
    .join("\n");
}
