import { ModelOpsError } from "../../../errors/modelops-error.ts";

const SHOWN_LINES = 4;

/** Turns the last words of uv or pip into a plain message: full disk, no network, no fitting Python, or as it is. */
export function installFailure(options: {
  readonly what: string;
  readonly lines: readonly string[];
  readonly folder: string;
}): ModelOpsError {
  const text = options.lines.join("\n");
  const reason = options.lines
    .map((line) => withoutCredentials(line.trim()))
    .filter((line) => line !== "")
    .slice(-SHOWN_LINES)
    .join(" | ");
  if (/no space left|disk quota exceeded|os error 28|os error 122/i.test(text)) {
    return new ModelOpsError({
      code: "training/disk-full",
      message: `${options.what} The disk is full.`,
      reason,
      fix: `free space for ${options.folder} and for the package cache, then start again: what is already downloaded is kept.`,
      isRetryable: true,
    });
  }
  if (/no interpreter found|requires-python|no matching python|does not satisfy python/i.test(text)) {
    return new ModelOpsError({
      code: "training/python-version",
      message: `${options.what} No fitting Python was found.`,
      reason,
      fix: "install Python 3.11, 3.12 or 3.13, or name one with local({ python }).",
    });
  }
  if (/ensurepip|python3-venv|no module named (pip|venv)/i.test(text) && !/uv pip/i.test(text)) {
    return new ModelOpsError({
      code: "training/python-incomplete",
      message: `${options.what} The system's python3 can neither make environments nor run pip.`,
      reason,
      fix: "install its missing part (Debian: apt install python3-venv), or install uv.",
    });
  }
  if (
    /dns error|failed to (fetch|download|connect)|connect(ion)? (error|refused|reset)|timed? ?out|network|name or service not known|temporary failure|max retries|unreachable|error sending request/i.test(
      text,
    )
  ) {
    return new ModelOpsError({
      code: "training/download-failed",
      message: `${options.what} A download failed or was cut off.`,
      reason,
      fix: "check the network and start again: what is already downloaded is kept.",
      isRetryable: true,
    });
  }
  return new ModelOpsError({
    code: "training/install-failed",
    message: options.what,
    reason,
    fix: "read the lines above, correct the machine and start again; what is already downloaded is kept.",
    isRetryable: true,
  });
}

/** Package mirrors may carry a password in their address. */
function withoutCredentials(line: string): string {
  return line.replaceAll(/\/\/[^/@\s]+@/g, "//[redacted]@").slice(0, 300);
}
