import { ModelOpsError } from "../errors/modelops-error.ts";

/** Makes the error every function of this folder throws for input it cannot use. */
export function statisticsError(
  code: string,
  message: string,
  fix: string,
  details: Readonly<Record<string, unknown>> = {},
): ModelOpsError {
  return new ModelOpsError({ code: `statistics/${code}`, message, fix, details });
}

/** Throws unless `values` holds at least `minimum` finite numbers and nothing else. */
export function requireFiniteNumbers(name: string, values: ArrayLike<number>, minimum = 1): void {
  if (values.length === 0) {
    throw statisticsError("empty-input", `${name} is empty.`, `Pass at least ${minimum} number(s).`, {
      name,
    });
  }
  if (values.length < minimum) {
    throw statisticsError(
      "too-few-values",
      `${name} holds ${values.length} value(s); at least ${minimum} are needed.`,
      "Measure more examples before asking for this statistic.",
      { name, count: values.length, minimum },
    );
  }
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index];
    if (typeof value !== "number" || !Number.isFinite(value)) {
      throw statisticsError(
        "not-finite",
        `${name}[${index}] is ${String(value)}, not a finite number.`,
        "Leave missing examples out of both arms (or pass null where null is accepted); never use NaN for missing.",
        { name, index },
      );
    }
  }
}

/** Throws unless both arms have the same number of examples. */
export function requireSameLength(
  firstName: string,
  first: ArrayLike<unknown>,
  secondName: string,
  second: ArrayLike<unknown>,
): void {
  if (first.length !== second.length) {
    throw statisticsError(
      "length-mismatch",
      `${firstName} has ${first.length} values and ${secondName} has ${second.length}.`,
      "Pair the arms by example: position i of both arrays must be the same example.",
      { first: first.length, second: second.length },
    );
  }
}

/** Throws unless `value` lies strictly between `low` and `high`. */
export function requireBetween(name: string, value: number, low: number, high: number): void {
  if (!(value > low && value < high)) {
    throw statisticsError(
      "out-of-range",
      `${name} is ${String(value)}; it must lie strictly between ${low} and ${high}.`,
      `Pass a value of ${name} in that range.`,
      { name, value },
    );
  }
}

/** Throws unless `value` is a whole number of at least `minimum`. */
export function requireWholeNumber(name: string, value: number, minimum: number): void {
  if (!Number.isSafeInteger(value) || value < minimum) {
    throw statisticsError(
      "not-a-count",
      `${name} is ${String(value)}; it must be a whole number of at least ${minimum}.`,
      `Pass ${name} as a whole number.`,
      { name, value },
    );
  }
}

/** Throws unless `value` is one of `allowed` (for callers without types). */
export function requireOneOf(name: string, value: unknown, allowed: readonly string[]): void {
  if (typeof value !== "string" || !allowed.includes(value)) {
    throw statisticsError(
      "unknown-choice",
      `${name} is ${String(value)}; known are ${allowed.join(", ")}.`,
      `Use one of ${allowed.join(", ")}.`,
      { name, value },
    );
  }
}

/** Throws when `options` holds a key that `known` does not list: a typo must not pass as a default. */
export function requireKnownKeys(name: string, options: object, known: readonly string[]): void {
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      throw statisticsError(
        "unknown-option",
        `${name} has no option "${key}".`,
        `Known options are ${known.join(", ")}.`,
        { name, key },
      );
    }
  }
}
