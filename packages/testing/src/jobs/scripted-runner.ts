import type { JobRunner, RunnerContext } from "./job-runner.ts";

/** One step of a scripted job. `afterMs` is waited before it, by the twin's clock. */
export type JobStep = { readonly afterMs?: number } & (
  | { readonly start: true }
  | { readonly log: string | readonly string[] }
  /** Does something to the Hub, such as pushing the model; gets the runner's context. */
  | { readonly do: (context: RunnerContext) => void | Promise<void> }
  | { readonly exit: number; readonly reason?: string }
  | { readonly wait: true }
);

/** What plays a job: its steps, or a function that decides by the job. */
export type JobScript = readonly JobStep[] | ((context: RunnerContext) => readonly JobStep[]);

/** Two seconds of scheduling, one line, exit code 0. */
export const DEFAULT_SCRIPT: JobScript = [
  { afterMs: 2000, start: true },
  { afterMs: 1000, log: "hello from the job" },
  { afterMs: 1000, exit: 0 },
];

/** Plays steps by the twin's clock; a script that ends without `exit` exits with 0. */
export function scriptedRunner(script: JobScript): JobRunner {
  return async (context) => {
    const steps = typeof script === "function" ? script(context) : script;
    for (const step of steps) {
      if (step.afterMs) await context.clock.sleep(step.afterMs, { signal: context.signal, keepAlive: true });
      context.signal.throwIfAborted();
      if ("start" in step) context.start();
      else if ("log" in step) context.log(...(typeof step.log === "string" ? [step.log] : step.log));
      else if ("do" in step) await step.do(context);
      else if ("exit" in step)
        return { exitCode: step.exit, ...(step.reason ? { reason: step.reason } : {}) };
    }
    return { exitCode: 0 };
  };
}
