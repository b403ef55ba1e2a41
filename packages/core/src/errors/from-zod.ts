import type { z } from "zod";
import { type ErrorCode, ModelOpsError } from "./modelops-error.ts";

const MAX_ISSUES_SHOWN = 5;

/** Turns a failed zod parse into a `ModelOpsError` whose text names each path and what was wrong there. */
export function errorFromZod(
  error: z.ZodError,
  options: { readonly code: ErrorCode; readonly subject: string; readonly fix?: string },
): ModelOpsError {
  const shown = error.issues.slice(0, MAX_ISSUES_SHOWN).map((issue) => {
    const path = issue.path.map(String).join(".");
    return path ? `${path}: ${issue.message}` : issue.message;
  });
  const hidden = error.issues.length - shown.length;
  return new ModelOpsError({
    code: options.code,
    message: `${options.subject} is not valid.`,
    reason: `${shown.join("; ")}${hidden > 0 ? `; and ${hidden} more` : ""}.`,
    fix: options.fix ?? "correct the named fields.",
    details: {
      issues: error.issues.map((issue) => ({ path: issue.path.map(String), message: issue.message })),
    },
  });
}

/** Parses or throws a readable `ModelOpsError`. */
export function parseOrThrow<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  options: { readonly code: ErrorCode; readonly subject: string; readonly fix?: string },
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (!result.success) throw errorFromZod(result.error, options);
  return result.data;
}
