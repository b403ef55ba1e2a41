import { type ChildProcess, fork } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { CONTINUE, type QuantizeAnswer, type QuantizeTask, STOP } from "./quantize-messages.ts";

/** How the quantising process ended. */
export interface QuantizeOutcome {
  /** Its last answer; null when it died first. */
  readonly answer: QuantizeAnswer | null;
  /** The last lines of llama.cpp's log. */
  readonly log: readonly string[];
  readonly exit: string;
}

const KEPT_LOG_LINES = 20;

/** The script lies beside this module in the source tree and beside the bundle when published. */
function childScript(): string {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return fileURLToPath(new URL(`./quantize-child.${extension}`, import.meta.url));
}

function followLog(child: ChildProcess, onLine: (line: string) => void): readonly string[] {
  const log: string[] = [];
  if (!child.stderr) return log;
  createInterface({ input: child.stderr }).on("line", (line) => {
    log.push(line);
    if (log.length > KEPT_LOG_LINES) log.shift();
    onLine(line);
  });
  return log;
}

/**
 * Gives the task to a process of its own and waits for its end. `onPlanned` decides after the plan whether the file is
 * made; an abort, or an error of `onPlanned`, ends the process.
 */
export async function runQuantizeChild(
  task: QuantizeTask,
  options: {
    readonly onLine: (line: string) => void;
    readonly onPlanned: () => Promise<boolean>;
    readonly signal: AbortSignal | undefined;
  },
): Promise<QuantizeOutcome> {
  const child = fork(childScript(), [], { stdio: ["ignore", "ignore", "pipe", "ipc"], execArgv: [] });
  const stop = () => child.kill("SIGKILL");
  options.signal?.addEventListener("abort", stop, { once: true });
  let answer: QuantizeAnswer | null = null;
  try {
    const log = followLog(child, options.onLine);
    const exit = await new Promise<string>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => resolve(signal ?? `exit code ${code}`));
      child.on("message", (message) => {
        answer = message as QuantizeAnswer;
        if (answer.kind !== "planned" || answer.result !== 0) return;
        options.onPlanned().then((isWanted) => child.send(isWanted ? CONTINUE : STOP), reject);
      });
      child.send(task);
    });
    return { answer, log, exit };
  } finally {
    options.signal?.removeEventListener("abort", stop);
    stop();
  }
}
