import { ModelOpsError } from "./modelops-error.ts";

const MARKER = Symbol.for("modelops.error.conflict");

/** Somebody else changed the record first: compare-and-set found another revision than the one expected. */
export class ConflictError extends ModelOpsError {
  readonly expected: number;
  readonly actual: number;

  constructor(options: { readonly subject: string; readonly expected: number; readonly actual: number }) {
    super({
      code: "storage/conflict",
      message: `${options.subject} is at revision ${options.actual}, not ${options.expected}.`,
      reason: "Another writer changed it in between; nothing was written.",
      fix: "read it again and repeat the change, or use update(), which does so for you.",
      isRetryable: true,
      details: { subject: options.subject, expected: options.expected, actual: options.actual },
    });
    this.expected = options.expected;
    this.actual = options.actual;
    Object.defineProperty(this, MARKER, { value: true });
  }

  static override isInstance(value: unknown): value is ConflictError {
    return typeof value === "object" && value !== null && (value as Record<symbol, unknown>)[MARKER] === true;
  }
}
