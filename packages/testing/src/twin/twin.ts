import type { IncomingMessage, Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { type Clock, ModelOpsError } from "@modelops/core";
import type { Hono } from "hono";
import { VirtualClock } from "../clock/virtual-clock.ts";
import { type Fault, FaultScript } from "../faults/fault-script.ts";
import { type LoggedRequest, RequestLog } from "../request-log/request-log.ts";
import { SecretGuard } from "../request-log/secret-guard.ts";
import { ReceivedRequest } from "./received-request.ts";
import { WholeReplies } from "./whole-reply.ts";

export interface TwinOptions {
  /** Shared with the SDK under test. @default the machine's clock */
  readonly clock?: Clock;
  readonly faults?: FaultScript;
  readonly requests?: RequestLog;
  readonly secrets?: SecretGuard;
  /** False for load tests: no request log, no secrets guard, no faults, half the cost. @default true */
  readonly isLogged?: boolean;
}

/** A twin that runs: the same handlers behind a loopback port and behind an in-process `fetch`. */
export interface Twin {
  readonly name: string;
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** Answers requests to `url` without a socket. */
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly faults: FaultScript;
  readonly requests: RequestLog;
  readonly secrets: SecretGuard;
  /** Ends all connections. Rejects with `testing/secret-leaked` when a secret was seen where it does not belong. */
  close(): Promise<void>;
}

const MAX_LOGGED_BODY_BYTES = 256 * 1024;

/** How a cut connection looks from a transport. */
interface Transport {
  /** Nothing more is sent, nothing that is under way arrives. */
  reset(): void;
  /** What was sent arrives, then the connection ends. */
  end(): void;
  /** What the reader of a half-sent body sees; null where the closed socket tells it by itself. */
  readonly bodyError: Error | null;
}

class ConnectionCut extends Error {}

/** Starts a twin from its Hono app: port 0 on loopback, request log, secrets guard and faults in front of it. */
export async function startTwin(name: string, app: Hono, options: TwinOptions = {}): Promise<Twin> {
  const clock = options.clock ?? machineClock();
  const faults = options.faults ?? new FaultScript();
  const requests = options.requests ?? new RequestLog();
  const secrets = options.secrets ?? new SecretGuard();
  app.notFound((context) => {
    const route = `${context.req.method} ${new URL(context.req.url).pathname}`;
    return context.json({ error: `The ${name} twin has no route ${route}.` }, 501);
  });
  app.onError((error, context) => {
    if (error instanceof ConnectionCut) throw error;
    return context.json({ error: `The ${name} twin failed: ${error.stack ?? error.message}` }, 599 as never);
  });

  const handle = async (
    request: Request,
    transport: Transport,
    bindings: Partial<HttpBindings>,
  ): Promise<Response> => {
    const work = () => answer(request, transport, bindings);
    return clock instanceof VirtualClock ? clock.during(work) : work();
  };

  const answer = async (
    request: Request,
    transport: Transport,
    bindings: Partial<HttpBindings>,
  ): Promise<Response> => {
    if (options.isLogged === false) return app.fetch(request, bindings);
    const received = await ReceivedRequest.from(request);
    const entry = requests.add(describeRequest(name, received, headersOf(request, bindings), clock));
    const leaks = secrets.examine(entry, received.unpacked());
    if (leaks.length > 0) {
      entry.status = 500;
      return Response.json({ error: `a secret was sent in the ${leaks[0]?.place}` }, { status: 500 });
    }
    const scripted = faults.next(entry);
    entry.fault = scripted?.name ?? null;
    try {
      const response = await play(scripted?.fault ?? null, received.asRequest, transport, bindings);
      entry.status = response.status;
      return response;
    } catch (error) {
      entry.status = 0;
      throw error;
    }
  };

  const play = async (
    fault: Fault | null,
    request: Request,
    transport: Transport,
    bindings: Partial<HttpBindings>,
  ): Promise<Response> => {
    switch (fault?.kind) {
      case undefined:
        return app.fetch(request, bindings);
      case "reply": {
        const isText = typeof fault.body === "string";
        const headers = { "content-type": isText ? "text/plain" : "application/json", ...fault.headers };
        const text = isText ? (fault.body as string) : JSON.stringify(fault.body ?? {});
        return new Response(text, { status: fault.status, headers });
      }
      case "delay":
        await waitWhileAnswering(clock, fault.durationMs);
        return app.fetch(request, bindings);
      case "hang":
        return outsideWork(clock, () => new Promise<Response>(() => {}));
      case "reset":
        transport.reset();
        throw new ConnectionCut();
      case "lose-reply": {
        const response = await app.fetch(request, bindings);
        await response.body?.cancel();
        transport.reset();
        throw new ConnectionCut();
      }
      case "cut":
        return cutBody(await app.fetch(request, bindings), fault.afterBytes, transport);
      case "duplicate": {
        const first = await app.fetch(request, bindings);
        await first.body?.cancel();
        return app.fetch(request, bindings);
      }
    }
  };

  const wholeReplies = new WholeReplies();
  const listener = getRequestListener(
    async (request, bindings) => {
      const { incoming, outgoing } = bindings as HttpBindings;
      const reply = await handle(request, resetOf(incoming), bindings as HttpBindings);
      return wholeReplies.send(reply, outgoing) ? RESPONSE_ALREADY_SENT : reply;
    },
    { overrideGlobalObjects: false, errorHandler: () => {} },
  );
  const server = createServer(listener);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const inProcessFetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    request.signal.throwIfAborted();
    let cut = false;
    const transport = {
      reset: () => {
        cut = true;
      },
      end: () => {},
      bodyError: new TypeError("terminated"),
    };
    try {
      return await abortable(handle(request, transport, {}), request.signal);
    } catch (error) {
      if (!cut) throw error;
      throw new TypeError("fetch failed", {
        cause: Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }),
      });
    }
  };

  return {
    name,
    url,
    fetch: inProcessFetch,
    clock,
    faults,
    requests,
    secrets,
    close: () => closeServer(server, secrets),
  };
}

/** For handlers: answers later by the twin's clock, which goes on meanwhile. */
export function waitWhileAnswering(clock: Clock, durationMs: number, signal?: AbortSignal): Promise<void> {
  return outsideWork(clock, () => clock.sleep(durationMs, { signal, keepAlive: true }));
}

function outsideWork<Result>(clock: Clock, wait: () => Promise<Result>): Promise<Result> {
  return clock instanceof VirtualClock ? clock.waiting(wait) : wait();
}

/** A clock that is the machine's, kept apart from core's so that twins hold the process open while they wait. */
export function machineClock(): Clock {
  return {
    now: () => Date.now(),
    sleep: (durationMs, { signal } = {}) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const timer = setTimeout(resolve, durationMs);
        signal?.addEventListener(
          "abort",
          () => {
            clearTimeout(timer);
            reject(signal.reason);
          },
          { once: true },
        );
      }),
  };
}

function describeRequest(
  twin: string,
  request: ReceivedRequest,
  headers: Readonly<Record<string, string>>,
  clock: Clock,
): Omit<LoggedRequest, "number"> {
  const url = new URL(request.url);
  return {
    twin,
    method: request.method,
    path: decodePath(url.pathname),
    query: url.search === "" ? {} : Object.fromEntries(url.searchParams),
    headers,
    bodyText: textOf(request, headers["content-type"]),
    bodyBytes: request.content?.byteLength ?? 0,
    atMs: clock.now(),
    status: null,
    fault: null,
  };
}

/** Node has them as a plain object already. */
function headersOf(request: Request, bindings: Partial<HttpBindings>): Readonly<Record<string, string>> {
  const headers = (bindings.incoming as IncomingMessage | undefined)?.headers;
  return (headers as Record<string, string> | undefined) ?? Object.fromEntries(request.headers);
}

function decodePath(path: string): string {
  if (!path.includes("%")) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function textOf(request: ReceivedRequest, contentType = ""): string | null {
  if (/octet-stream|multipart|zstd|gzip/.test(contentType)) return null;
  return (request.content?.byteLength ?? 0) > MAX_LOGGED_BODY_BYTES ? null : request.unpackedText();
}

function cutBody(response: Response, afterBytes: number, transport: Transport): Response {
  let left = afterBytes;
  const cut = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      if (chunk.byteLength <= left) {
        left -= chunk.byteLength;
        controller.enqueue(chunk);
        return;
      }
      if (left > 0) controller.enqueue(chunk.subarray(0, left));
      // The bytes before the cut get a moment to leave.
      setTimeout(() => {
        transport.end();
        if (transport.bodyError) controller.error(transport.bodyError);
      }, 5);
      left = 0;
      return new Promise(() => {});
    },
  });
  return new Response(response.body?.pipeThrough(cut) ?? null, {
    status: response.status,
    headers: response.headers,
  });
}

function resetOf(incoming: IncomingMessage): Transport {
  return {
    reset: () => {
      incoming.socket.resetAndDestroy();
    },
    end: () => {
      incoming.socket.destroy();
    },
    bodyError: null,
  };
}

async function abortable<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return Promise.race([
    promise,
    new Promise<never>((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason), { once: true }),
    ),
  ]);
}

async function closeServer(server: Server, secrets: SecretGuard): Promise<void> {
  server.closeAllConnections();
  await new Promise<void>((resolve, reject) => {
    server.close((error) =>
      error && (error as NodeJS.ErrnoException).code !== "ERR_SERVER_NOT_RUNNING" ? reject(error) : resolve(),
    );
  });
  secrets.assertNone();
}

/** A twin refused an option; kept here so that every twin says it the same way. */
export function twinOptionError(twin: string, message: string, fix: string): ModelOpsError {
  return new ModelOpsError({ code: "testing/twin-option", message: `${twin} twin: ${message}`, fix });
}
