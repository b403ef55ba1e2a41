/** Shapes of well-known tokens: a key nobody told us about must not reach a log either. */
const TOKEN_PATTERNS: readonly RegExp[] = [
  /\bhf_[A-Za-z0-9]{16,}/g,
  /\bsk-[A-Za-z0-9_-]{16,}/g,
  /\blsv2_[A-Za-z0-9_]{16,}/g,
  /\bgh[pousr]_[A-Za-z0-9]{20,}/g,
  /\bgithub_pat_[A-Za-z0-9_]{20,}/g,
  /\bAKIA[A-Z0-9]{16}\b/g,
  /\bBearer\s+[A-Za-z0-9._~+/=-]{8,}/gi,
];

const URL_USER_INFO = /(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi;

/** Replaces the given secrets, tokens of known shape and `user:password@` in URLs by `[secret]`. */
export function redact(text: string, secrets: readonly string[] = []): string {
  let result = text;
  for (const secret of secrets) if (secret.length > 0) result = result.replaceAll(secret, "[secret]");
  for (const pattern of TOKEN_PATTERNS) result = result.replace(pattern, "[secret]");
  return result.replace(URL_USER_INFO, "$1[secret]@");
}

/**
 * What a server said about a failed call, safe to show: redacted, one line, at most `maxLength` characters, and null
 * when it repeats text of the prompt (24 characters in a row, or a short prompt as a whole).
 */
export function safeServerMessage(
  message: string,
  options: {
    readonly secrets: readonly string[];
    readonly prompts: readonly string[];
    readonly maxLength?: number;
  },
): string | null {
  if (options.prompts.some((prompt) => repeats(message, prompt))) return null;
  const line = redact(message, options.secrets).replace(/\s+/g, " ").trim();
  if (line.length === 0) return null;
  const maxLength = options.maxLength ?? 300;
  return line.length > maxLength ? `${line.slice(0, maxLength)}…` : line;
}

const SHARED_RUN = 24;

function repeats(message: string, prompt: string): boolean {
  if (prompt.trim().length < 4) return false;
  if (prompt.length <= SHARED_RUN) return message.includes(prompt);
  for (let start = 0; start + SHARED_RUN <= message.length; start += 1)
    if (prompt.includes(message.slice(start, start + SHARED_RUN))) return true;
  return false;
}
