export { parseOrThrow } from "./errors/from-zod.ts";
export { redact } from "./http/redact.ts";
export { type JsonRequest, requestJson } from "./http/request-json.ts";
export { requestText, type TextRequest, type TextResponse } from "./http/request-text.ts";
export { type RetryPolicy, withRetries } from "./http/retry.ts";
export { retryAfterMs } from "./http/retry-after.ts";
