import { redact } from "../http/redact.ts";

/** A JSON value with every text in it passed through `clean`. */
export function withTexts(value: unknown, clean: (text: string) => string): unknown {
  if (typeof value === "string") return clean(value);
  if (Array.isArray(value)) return value.map((entry) => withTexts(entry, clean));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, withTexts(entry, clean)]));
}

/** Prompts and answers as they may be uploaded: the key of the connection and tokens of known shape become `[secret]`. */
export function withoutSecrets<Value extends object>(value: Value, secrets: readonly string[]): Value {
  return withTexts(value, (text) => redact(text, secrets)) as Value;
}
