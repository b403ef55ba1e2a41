import assert from "node:assert/strict";
import { inspect } from "node:util";
import { ModelOpsError } from "@modelops/core";

/** Rejects with a `ModelOpsError` of one of these areas, which says what to do and shows no secret. */
export async function rejectsWell(
  promise: Promise<unknown>,
  areas: readonly string[],
  secrets: readonly string[] = [],
): Promise<ModelOpsError> {
  const error = await promise.then(
    (value) => assert.fail(`expected a rejection, got ${inspect(value, { depth: 1 }).slice(0, 200)}`),
    (reason: unknown) => reason,
  );
  assert.ok(ModelOpsError.isInstance(error), `expected a ModelOpsError, got ${String(error)}`);
  const [area] = error.code.split("/");
  assert.ok(areas.includes(area ?? ""), `expected a code of ${areas.join(" or ")}, got ${error.code}`);
  assert.notEqual(error.fix.trim(), "", `${error.code} does not say what to do`);
  holdsNoSecret(error, secrets, `the error ${error.code}`);
  return error;
}

/** Whichever way it is printed, no secret is to be seen. */
export function holdsNoSecret(value: unknown, secrets: readonly string[], what: string): void {
  const shown = [JSON.stringify(value) ?? "", inspect(value, { depth: 10 }), String(value)].join("\n");
  for (const secret of secrets) assert.ok(!shown.includes(secret), `${what} shows a secret`);
}

/** Rejects with the very reason of the signal. */
export async function rejectsWithReason(promise: Promise<unknown>, reason: unknown): Promise<void> {
  const outcome = await promise.then(
    () => ({ error: null, isDone: true }),
    (error: unknown) => ({ error, isDone: false }),
  );
  assert.ok(!outcome.isDone, "it went on although it was aborted");
  assert.equal(outcome.error, reason, "an aborted call must reject with the reason of its signal");
}

export function aborted(): { readonly signal: AbortSignal; readonly reason: Error } {
  const reason = new Error("the caller changed its mind");
  return { signal: AbortSignal.abort(reason), reason };
}

/** A signal that is aborted after a moment. */
export function abortedSoon(): { readonly signal: AbortSignal; readonly reason: Error } {
  const controller = new AbortController();
  const reason = new Error("the caller changed its mind");
  setTimeout(() => controller.abort(reason), 25);
  return { signal: controller.signal, reason };
}

/** What is stored or sent must survive it. */
export function survivesJson(value: unknown, what: string): void {
  assert.deepEqual(JSON.parse(JSON.stringify(value)), value, `${what} is not plain JSON`);
}

export function isNullOrAtLeastZero(value: number | null, what: string): void {
  assert.ok(value === null || (Number.isFinite(value) && value >= 0), `${what} is ${value}`);
}

/** A copy whose every object is frozen. */
export function frozen<Value>(value: Value): Value {
  const freeze = (part: unknown): void => {
    if (typeof part !== "object" || part === null) return;
    Object.freeze(part);
    for (const inner of Object.values(part)) freeze(inner);
  };
  const copy = structuredClone(value);
  freeze(copy);
  return copy;
}
