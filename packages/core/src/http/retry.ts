import { ModelOpsError } from "../errors/modelops-error.ts";
import type { Clock } from "../time/clock.ts";

export interface RetryPolicy {
  /** Calls in all, the first included. 1 = never retry. */
  readonly maxAttempts: number;
  /** Wait before the second call when the server does not say; doubles with each further one. */
  readonly baseWaitMs: number;
  /** Longest wait. A server that asks for more is not asked again: the error says for how long it wants to be left alone. */
  readonly maxWaitMs: number;
}

export interface RetryEnvironment {
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly signal?: AbortSignal;
  /** Told before each wait. */
  readonly onWait?: (wait: {
    readonly attempt: number;
    readonly waitMs: number;
    readonly error: ModelOpsError;
  }) => void;
}

/**
 * Calls until it succeeds, an error is not retryable, or the attempts are used up. Errors decide themselves
 * (`isRetryable`, `details.retryAfterMs`). Waits have full jitter; a wait the server asked for is never cut short.
 */
export async function withRetries<Value>(
  operation: (attempt: number) => Promise<Value>,
  policy: RetryPolicy,
  environment: RetryEnvironment,
): Promise<{ readonly value: Value; readonly attempts: number }> {
  for (let attempt = 1; ; attempt += 1) {
    environment.signal?.throwIfAborted();
    try {
      return { value: await operation(attempt), attempts: attempt };
    } catch (error) {
      // An abort is the caller's wish, whatever error it surfaced as.
      environment.signal?.throwIfAborted();
      if (!ModelOpsError.isInstance(error) || !error.isRetryable || attempt >= policy.maxAttempts) {
        throw withAttempts(error, attempt);
      }
      const waitMs = nextWaitMs(error, attempt, policy, environment.random);
      if (waitMs === null) throw withAttempts(error, attempt);
      environment.onWait?.({ attempt, waitMs, error });
      await environment.clock.sleep(waitMs, { signal: environment.signal, keepAlive: true });
    }
  }
}

function nextWaitMs(
  error: ModelOpsError,
  attempt: number,
  policy: RetryPolicy,
  random: () => number,
): number | null {
  const asked = error.details.retryAfterMs;
  if (typeof asked === "number") {
    if (asked > policy.maxWaitMs) return null;
    // Everybody who was told the same second would come back in the same second.
    return asked + random() * Math.min(1000, policy.baseWaitMs);
  }
  return random() * Math.min(policy.maxWaitMs, policy.baseWaitMs * 2 ** (attempt - 1));
}

/** The same error with the number of calls made, for reports. */
function withAttempts(error: unknown, attempts: number): unknown {
  if (!ModelOpsError.isInstance(error)) return error;
  return new ModelOpsError({
    code: error.code,
    message: error.what,
    reason: error.reason ?? undefined,
    fix: error.fix,
    isRetryable: error.isRetryable,
    details: { ...error.details, attempts },
    cause: error.cause,
  });
}
