import { describe, expect, test } from "vitest";
import { z } from "zod";
import { ConflictError } from "./conflict-error.ts";
import { parseOrThrow } from "./from-zod.ts";
import { ModelOpsError } from "./modelops-error.ts";

describe("ModelOpsError", () => {
  test("says what happened, why, and how to fix it, and keeps the cause", () => {
    const cause = new Error("disk");
    const error = new ModelOpsError({
      code: "storage/disk-full",
      message: "The file was not written.",
      reason: "The disk is full.",
      fix: "free some space.",
      cause,
    });
    expect(error.message).toBe("The file was not written. The disk is full. Fix: free some space.");
    expect(error.cause).toBe(cause);
    expect(error.isRetryable).toBe(false);
    expect(error.stack).toContain("modelops-error.test");
  });

  test("is recognised across copies of the package, and by its kind", () => {
    const conflict = new ConflictError({ subject: "feature_dev", expected: 3, actual: 4 });
    const foreign = Object.assign(new Error("copy"), { [Symbol.for("modelops.error")]: true });
    expect(ModelOpsError.isInstance(foreign)).toBe(true);
    expect(ModelOpsError.isInstance(new Error("other"))).toBe(false);
    expect(ConflictError.isInstance(conflict)).toBe(true);
    expect(ConflictError.isInstance(foreign)).toBe(false);
    expect(conflict.toJSON()).toMatchObject({ code: "storage/conflict", isRetryable: true });
  });

  test("names each wrong field of a bad value", () => {
    const schema = z.strictObject({ rank: z.number() });
    const attempt = () =>
      parseOrThrow(schema, { rank: "8", rnak: 8 }, { code: "config/lora", subject: "The adapter" });
    expect(attempt).toThrow(/The adapter is not valid\. rank: .*rnak/s);
  });
});
