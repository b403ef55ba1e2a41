import { z } from "zod";
import { ModelOpsError } from "../../errors/modelops-error.ts";

/** A test whether a value fits a JSON schema (draft 2020-12, as far as zod reads it). */
export function compileSchema(schema: Readonly<Record<string, unknown>>): (value: unknown) => boolean {
  try {
    const parser = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
    return (value) => parser.safeParse(value).success;
  } catch (cause) {
    throw new ModelOpsError({
      code: "input/json-schema",
      message: "The JSON schema cannot be used.",
      reason: cause instanceof Error ? `${cause.message}.` : undefined,
      fix: "use type, properties, required, items, enum, const and the usual limits; no remote $ref.",
      cause,
    });
  }
}
