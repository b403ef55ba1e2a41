import { ModelOpsError } from "../errors/modelops-error.ts";

/** Calls a function of the host's; what it throws gets a name, and the example it happened on. */
export function callHostFunction<Value>(name: string, place: string, call: () => Value): Value {
  try {
    return call();
  } catch (cause) {
    if (ModelOpsError.isInstance(cause)) throw cause;
    throw new ModelOpsError({
      code: "evaluation/host-function",
      message: `${name} threw ${cause instanceof Error ? cause.name : typeof cause} on ${place}.`,
      fix: `correct ${name}; the cause of this error is what it threw.`,
      details: { function: name },
      cause,
    });
  }
}

/** How an example is named in a message. */
export function exampleName(id: string): string {
  return `example ${JSON.stringify(id.slice(0, 80))}`;
}
