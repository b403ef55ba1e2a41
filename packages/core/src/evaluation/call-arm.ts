import { ModelOpsError } from "../errors/modelops-error.ts";
import type { CallFailure } from "./arm.ts";

/** Failures after which no further call of the same model can succeed. */
const FATAL_CODES = new Set(["model/authentication", "model/payment-required", "model/not-found"]);

export function isFatal(failure: CallFailure): boolean {
  return FATAL_CODES.has(failure.code);
}

/** What a failed call is recorded as: code and first sentence, nothing the model or prompt said. */
export function failureFrom(error: unknown): CallFailure {
  if (ModelOpsError.isInstance(error)) {
    const { attempts, costUsd } = error.details;
    return {
      code: error.code,
      message: error.what,
      attempts: typeof attempts === "number" ? attempts : 1,
      costUsd: typeof costUsd === "number" ? costUsd : null,
    };
  }
  const name = error instanceof Error ? error.name : typeof error;
  return { code: "model/failed", message: `The model threw ${name}.`, attempts: 1, costUsd: null };
}

interface RunningCall {
  /** Its place among the running calls. */
  position: number;
  readonly controller: AbortController;
  readonly deadlineMs: number;
  reject(error: unknown): void;
}

/** What `setTimeout` can wait at most. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;

/**
 * Calls still running, so that one abort ends them all without a listener per call on the caller's signal, and one
 * timer watches them all.
 */
export class RunningCalls {
  readonly #timeoutMs: number;
  /** Not a Set: its outgrown tables point at each other and keep what is long over from being collected early. */
  readonly #running: RunningCall[] = [];
  #timer: NodeJS.Timeout | null = null;
  #reason: { readonly value: unknown } | null = null;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** Runs `call` with its own signal, ended by the time limit, by `abortAll`, or by its own end. */
  run<Value>(call: (signal: AbortSignal) => Promise<Value>): Promise<Value> {
    if (this.#reason) return Promise.reject(this.#reason.value);
    return new Promise((resolve, reject) => {
      const controller = new AbortController();
      const deadlineMs = performance.now() + this.#timeoutMs;
      const running = { position: this.#running.length, controller, deadlineMs, reject };
      this.#running.push(running);
      this.#timer ??= this.#watch(this.#timeoutMs);
      call(controller.signal).then(
        (value) => {
          this.#remove(running);
          resolve(value);
        },
        (error) => {
          this.#remove(running);
          reject(error);
        },
      );
    });
  }

  abortAll(reason: unknown): void {
    this.#reason ??= { value: reason };
    for (const running of [...this.#running]) this.#abort(running, reason);
  }

  #abort(running: RunningCall, reason: unknown): void {
    this.#remove(running);
    running.controller.abort(reason);
    // A model that ignores its signal must not hold the evaluation.
    running.reject(reason);
  }

  /** The last one takes its place. */
  #remove(running: RunningCall): void {
    if (this.#running[running.position] !== running) return;
    const last = this.#running.pop();
    if (!last || last === running) return;
    this.#running[running.position] = last;
    last.position = running.position;
  }

  /** To be called when no call runs any more. */
  close(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #watch(waitMs: number): NodeJS.Timeout {
    return setTimeout(() => this.#endLate(), Math.min(Math.ceil(waitMs), LONGEST_WAIT_MS));
  }

  #endLate(): void {
    this.#timer = null;
    const now = performance.now();
    for (const running of this.#running.filter(({ deadlineMs }) => deadlineMs <= now)) {
      this.#abort(running, timeoutError(this.#timeoutMs));
    }
    if (this.#running.length === 0) return;
    const earliest = Math.min(...this.#running.map(({ deadlineMs }) => deadlineMs));
    this.#timer ??= this.#watch(earliest - now);
  }
}

function timeoutError(timeoutMs: number): ModelOpsError {
  return new ModelOpsError({
    code: "evaluation/example-timeout",
    message: `No answer within ${timeoutMs} ms, retries included.`,
    fix: "raise exampleTimeoutMs, or lower the concurrency if the server is overloaded.",
    isRetryable: true,
    details: { timeoutMs },
  });
}
