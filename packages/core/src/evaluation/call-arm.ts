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
    const attempts = error.details.attempts;
    return { code: error.code, message: error.what, attempts: typeof attempts === "number" ? attempts : 1 };
  }
  const name = error instanceof Error ? error.name : typeof error;
  return { code: "model/failed", message: `The model threw ${name}.`, attempts: 1 };
}

/** Calls still running, so that one abort ends them all without a listener per call on the caller's signal. */
export class RunningCalls {
  readonly #controllers = new Set<AbortController>();
  #reason: { readonly value: unknown } | null = null;

  /** Runs `call` with its own signal, ended by the time limit, by `abortAll`, or by its own end. */
  async run<Value>(timeoutMs: number, call: (signal: AbortSignal) => Promise<Value>): Promise<Value> {
    if (this.#reason) throw this.#reason.value;
    const controller = new AbortController();
    this.#controllers.add(controller);
    let timer: NodeJS.Timeout | undefined;
    // A model that ignores its signal must not hold the evaluation.
    const limit = new Promise<never>((_, reject) => {
      controller.signal.addEventListener("abort", () => reject(controller.signal.reason), { once: true });
      timer = setTimeout(() => controller.abort(timeoutError(timeoutMs)), timeoutMs);
    });
    try {
      return await Promise.race([call(controller.signal), limit]);
    } finally {
      clearTimeout(timer);
      this.#controllers.delete(controller);
    }
  }

  abortAll(reason: unknown): void {
    this.#reason ??= { value: reason };
    for (const controller of this.#controllers) controller.abort(reason);
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
