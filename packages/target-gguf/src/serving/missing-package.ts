import { ModelOpsError } from "@modelops/core";

/** The error of an optional package that is not installed. */
export function missingPackage(
  name: "koffi" | "node-llama-cpp",
  reason: string,
  cause?: unknown,
): ModelOpsError {
  return new ModelOpsError({
    code: "gguf/package-missing",
    message: `The optional package "${name}" is needed and could not be loaded.`,
    reason,
    fix: `install it: npm install ${name}`,
    details: { package: name },
    cause,
  });
}
