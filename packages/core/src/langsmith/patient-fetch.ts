/** How long the service is left alone after it did not answer. */
const PAUSE_MS = 30_000;

/** What `GET /info` says of a service that cannot be asked: enough for the client to go on without it. */
const ASSUMED_INFO = { batch_ingest_config: { use_multipart_endpoint: true }, instance_flags: {} };

/**
 * A fetch for tracing. LangSmith's client asks a service that is down again for more than a minute, and keeps the
 * process alive meanwhile; traces are not worth that. After an answer that will not get better (no connection, time
 * limit, refused key, 5xx) requests are dropped for 30 s, which is reported once each time.
 */
export function patientFetch(options: {
  readonly fetch: typeof globalThis.fetch;
  readonly timeoutMs: number;
  readonly onDropped: (reason: string) => void;
  readonly now?: () => number;
}): typeof globalThis.fetch {
  const { now = () => performance.now() } = options;
  let pausedUntil = Number.NEGATIVE_INFINITY;

  const drop = (url: string, reason: string): Response => {
    if (now() >= pausedUntil) {
      pausedUntil = now() + PAUSE_MS;
      options.onDropped(reason);
    }
    return dropped(url);
  };

  return async (input, init) => {
    const url = typeof input === "string" ? input : input instanceof URL ? input.href : input.url;
    if (now() < pausedUntil) return dropped(url);
    const limit = AbortSignal.timeout(options.timeoutMs);
    const signal = init?.signal ? AbortSignal.any([init.signal, limit]) : limit;
    try {
      const response = await options.fetch(input, { ...init, signal });
      const isHopeless = response.status === 401 || response.status === 403 || response.status >= 500;
      if (!isHopeless) return response;
      await response.body?.cancel();
      return drop(url, `HTTP ${response.status}`);
    } catch (error) {
      return drop(url, limit.aborted ? `no answer in ${options.timeoutMs} ms` : nameOf(error));
    }
  };
}

function dropped(url: string): Response {
  const isInfo = new URL(url).pathname.endsWith("/info");
  return Response.json(isInfo ? ASSUMED_INFO : {}, { status: isInfo ? 200 : 202 });
}

function nameOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : null;
  return code ?? (error instanceof Error ? error.name : String(error));
}
