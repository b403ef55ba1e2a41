/**
 * How long a server asks to wait, in milliseconds: `retry-after-ms`, then `retry-after` (seconds or an HTTP date),
 * then `x-ratelimit-reset` and its OpenAI variants (epoch in ms or s, seconds, or `1m30s`), then an exhausted
 * `RateLimit: "api";r=0;t=55` (IETF draft 9, as the Hugging Face Hub sends it). Null when it does not say.
 */
export function retryAfterMs(headers: Headers, nowMs: number): number | null {
  const milliseconds = plainNumber(headers.get("retry-after-ms"));
  if (milliseconds !== null) return milliseconds;

  const retryAfter = headers.get("retry-after");
  if (retryAfter !== null) {
    const seconds = plainNumber(retryAfter);
    if (seconds !== null) return seconds * 1000;
    const date = Date.parse(retryAfter);
    if (!Number.isNaN(date)) return Math.max(0, date - nowMs);
  }

  for (const name of ["x-ratelimit-reset", "x-ratelimit-reset-requests", "x-ratelimit-reset-tokens"]) {
    const value = headers.get(name);
    if (value === null) continue;
    const wait = resetWaitMs(value, nowMs);
    if (wait !== null) return wait;
  }
  // The header comes with every answer: it asks to wait only when nothing remains.
  const rateLimit = headers.get("ratelimit") ?? "";
  const seconds = /(?:^|;)\s*r=0(?:;|$)/.test(rateLimit) ? /;\s*t=(\d+)/.exec(rateLimit)?.[1] : undefined;
  return seconds === undefined ? null : Number(seconds) * 1000;
}

function resetWaitMs(value: string, nowMs: number): number | null {
  const number = plainNumber(value);
  if (number !== null) {
    if (number > 1e12) return Math.max(0, number - nowMs);
    if (number > 1e9) return Math.max(0, number * 1000 - nowMs);
    return number * 1000;
  }
  return spelledDurationMs(value);
}

/** `1m30.5s`, `250ms`, `2h`. */
function spelledDurationMs(value: string): number | null {
  const match = /^(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?$/.exec(value.trim());
  if (!match || value.trim() === "") return null;
  const [, hours, minutes, seconds, milliseconds] = match;
  return (
    Number(hours ?? 0) * 3_600_000 +
    Number(minutes ?? 0) * 60_000 +
    Number(seconds ?? 0) * 1000 +
    Number(milliseconds ?? 0)
  );
}

function plainNumber(value: string | null): number | null {
  if (value === null || !/^\s*\d+(\.\d+)?\s*$/.test(value)) return null;
  return Number(value);
}
