import type { OutgoingHttpHeaders, ServerResponse } from "node:http";

/** Bodies of replies that were made whole, by reply. */
const texts = new WeakMap<Response, string>();

/** `Response.json`, remembering its text: reading it back from the stream of a response costs more than most answers. */
export function jsonReply(value: unknown, init: ResponseInit = {}): Response {
  const headers = { "content-type": "application/json", ...(init.headers as Record<string, string>) };
  const text = JSON.stringify(value);
  const reply = new Response(text, { ...init, headers });
  texts.set(reply, text);
  return reply;
}

/** Sends replies that were made whole straight to their sockets. */
export class WholeReplies {
  #waiting: (() => void)[] = [];

  /** False when the reply has to be streamed. */
  send(reply: Response, outgoing: ServerResponse): boolean {
    const text = texts.get(reply);
    if (text === undefined) return false;
    // Those of one turn of the event loop go out together: waking the reader for each costs more than answering.
    if (this.#waiting.length === 0) setImmediate(() => this.#sendAll());
    this.#waiting.push(() => {
      const headers: OutgoingHttpHeaders = Object.fromEntries(reply.headers);
      headers["content-length"] = Buffer.byteLength(text);
      outgoing.writeHead(reply.status, headers).end(text);
    });
    return true;
  }

  #sendAll(): void {
    const ready = this.#waiting;
    this.#waiting = [];
    for (const send of ready) send();
  }
}
