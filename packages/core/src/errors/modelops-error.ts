/** The part of the library an error comes from: the first half of its code. */
export type ErrorArea =
  | "input"
  | "config"
  | "dataset"
  | "training"
  | "approval"
  | "evaluation"
  | "statistics"
  | "registry"
  | "storage"
  | "deployment"
  | "rollout"
  | "target"
  | "gguf"
  | "hub"
  | "langsmith"
  | "model"
  | "http"
  | "testing";

/** A stable code such as `training/quote-exceeds-cap`. Codes follow semver: they are part of the API. */
export type ErrorCode = `${ErrorArea}/${string}`;

export interface ModelOpsErrorOptions {
  readonly code: ErrorCode;
  /** What happened, to what. One sentence. */
  readonly message: string;
  /** Why it happened. */
  readonly reason?: string;
  /** What to do about it. Never empty. */
  readonly fix: string;
  /** Whether the same call may succeed when made again unchanged. Default false. */
  readonly isRetryable?: boolean;
  /** Facts for programs (line numbers, limits, statuses). Never secrets or prompts. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

const MARKER = Symbol.for("modelops.error");

/**
 * The one error type of the library. `message` holds what happened, why, and how to fix it; branch on `code`.
 * `ModelOpsError.isInstance` works across duplicate copies of the package, where `instanceof` does not.
 */
export class ModelOpsError extends Error {
  readonly code: ErrorCode;
  readonly what: string;
  readonly reason: string | null;
  readonly fix: string;
  readonly isRetryable: boolean;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(options: ModelOpsErrorOptions) {
    const parts = [options.message, options.reason, `Fix: ${options.fix}`].filter((part) => part);
    super(parts.join(" "), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "ModelOpsError";
    this.code = options.code;
    this.what = options.message;
    this.reason = options.reason ?? null;
    this.fix = options.fix;
    this.isRetryable = options.isRetryable ?? false;
    this.details = options.details ?? {};
    Object.defineProperty(this, MARKER, { value: true });
  }

  /** True for every `ModelOpsError`, whichever copy of the package made it. */
  static isInstance(value: unknown): value is ModelOpsError {
    return typeof value === "object" && value !== null && (value as Record<symbol, unknown>)[MARKER] === true;
  }

  toJSON(): Record<string, unknown> {
    return {
      name: this.name,
      code: this.code,
      message: this.what,
      reason: this.reason,
      fix: this.fix,
      isRetryable: this.isRetryable,
      details: this.details,
    };
  }
}
