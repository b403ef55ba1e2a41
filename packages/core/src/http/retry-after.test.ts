import { expect, test } from "vitest";
import { retryAfterMs } from "./retry-after.ts";

const NOW = Date.parse("2026-11-23T12:00:00Z");

test.each([
  [{ "retry-after-ms": "1500" }, 1500],
  [{ "retry-after-ms": "1500", "retry-after": "9" }, 1500],
  [{ "retry-after": "2" }, 2000],
  [{ "retry-after": "0.5" }, 500],
  [{ "retry-after": "Mon, 23 Nov 2026 12:00:30 GMT" }, 30_000],
  [{ "retry-after": "Mon, 23 Nov 2026 11:00:00 GMT" }, 0],
  [{ "x-ratelimit-reset": String(NOW + 4000) }, 4000],
  [{ "x-ratelimit-reset": String(NOW / 1000 + 4) }, 4000],
  [{ "x-ratelimit-reset": "7" }, 7000],
  [{ "x-ratelimit-reset-requests": "1m30s" }, 90_000],
  [{ "x-ratelimit-reset-tokens": "250ms" }, 250],
  [{ ratelimit: '"api";r=0;t=55' }, 55_000],
  [{ ratelimit: '"api";r=12;t=55' }, null],
  [{ "retry-after": "soon" }, null],
  [{}, null],
])("reads %o as %s ms", (headers, expected) => {
  expect(retryAfterMs(new Headers(headers as Record<string, string>), NOW)).toBe(expected);
});
