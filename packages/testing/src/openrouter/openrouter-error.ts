/** A refusal in OpenRouter's form: the status is repeated in the body. */
export interface OpenRouterFailure {
  readonly status: number;
  readonly message: string;
  /** The stable word in `metadata.error_type`. */
  readonly errorType?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly retryAfterSeconds?: number;
}

export function openRouterError(failure: OpenRouterFailure): Response {
  const { status, retryAfterSeconds } = failure;
  const headers: Record<string, string> = {};
  if (retryAfterSeconds !== undefined) headers["retry-after"] = String(retryAfterSeconds);
  if (status === 429) {
    Object.assign(headers, { "x-ratelimit-limit": "20", "x-ratelimit-remaining": "0" });
  }
  return Response.json(errorBody(failure), { status, headers });
}

export function errorBody({ status, message, errorType, metadata }: OpenRouterFailure): object {
  const facts = { ...(errorType !== undefined && { error_type: errorType }), ...metadata };
  return { error: { code: status, message, metadata: Object.keys(facts).length > 0 ? facts : null } };
}
