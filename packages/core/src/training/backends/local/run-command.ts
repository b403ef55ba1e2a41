import { spawn } from "node:child_process";
import { LogLineSplitter } from "../../log-lines.ts";

const KEPT_LINES = 60;

export interface CommandResult {
  /** Null when a signal ended it or it could not be started. */
  readonly exitCode: number | null;
  /** `ENOENT` and the like, when it could not be started. */
  readonly startError: NodeJS.ErrnoException | null;
  /** Standard output, whole (short commands only). */
  readonly stdout: string;
  /** The last lines of standard error. */
  readonly errorLines: readonly string[];
}

/** Runs a command to its end. Never rejects, except when aborted: then the child is ended first. */
export async function runCommand(
  command: readonly string[],
  options: {
    readonly env?: NodeJS.ProcessEnv;
    readonly signal?: AbortSignal;
    readonly onErrorLine?: (line: string) => void;
    readonly timeoutMs?: number;
  } = {},
): Promise<CommandResult> {
  options.signal?.throwIfAborted();
  const [file = "", ...args] = command;
  return await new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      env: options.env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    // Not spawn's own time-out: its timer outlives a command that could not be started and holds the process open.
    const timer =
      options.timeoutMs === undefined ? null : setTimeout(() => child.kill("SIGTERM"), options.timeoutMs);
    const stdout: Buffer[] = [];
    const errorLines: string[] = [];
    const splitter = new LogLineSplitter();
    const keep = (lines: readonly string[]) => {
      for (const line of lines) {
        errorLines.push(line);
        if (errorLines.length > KEPT_LINES) errorLines.shift();
        options.onErrorLine?.(line);
      }
    };
    const onAbort = () => child.kill("SIGTERM");
    options.signal?.addEventListener("abort", onAbort, { once: true });
    const finish = (exitCode: number | null, startError: NodeJS.ErrnoException | null) => {
      options.signal?.removeEventListener("abort", onAbort);
      if (timer) clearTimeout(timer);
      keep(splitter.end());
      if (options.signal?.aborted) reject(options.signal.reason);
      else resolve({ exitCode, startError, stdout: Buffer.concat(stdout).toString("utf8"), errorLines });
    };
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => keep(splitter.push(chunk)));
    child.on("error", (error) => finish(null, error));
    child.on("close", (code) => finish(code, null));
  });
}
