import { unpacked } from "./unpacked.ts";

const decoder = new TextDecoder();

/** What of a `Request` handlers may use: all that concerns its body, address and headers. */
type Received = Pick<
  Request,
  | "method"
  | "url"
  | "headers"
  | "signal"
  | "body"
  | "bodyUsed"
  | "text"
  | "json"
  | "arrayBuffer"
  | "bytes"
  | "blob"
  | "formData"
  | "clone"
>;

/**
 * A request that has arrived whole, to be handed to handlers as often as a fault wants. A native `Request` is made only
 * for what is seldom asked: making one costs more than most answers.
 */
export class ReceivedRequest implements Received {
  readonly bodyUsed = false;
  readonly #original: Request;
  readonly #content: Uint8Array<ArrayBuffer> | null;
  #text: string | null = null;
  #unpacked: Uint8Array<ArrayBuffer> | null = null;

  constructor(original: Request, content: Uint8Array<ArrayBuffer> | null) {
    this.#original = original;
    this.#content = content;
  }

  /** Reads the body of a request. */
  static async from(request: Request): Promise<ReceivedRequest> {
    // Asking for `body` would turn the server's light request into a native one.
    const hasBody = request.method !== "GET" && request.method !== "HEAD";
    return new ReceivedRequest(request, hasBody ? new Uint8Array(await request.arrayBuffer()) : null);
  }

  /** As the type that Hono takes; no handler of a twin uses more than `Received`. */
  get asRequest(): Request {
    return this as unknown as Request;
  }

  get content(): Uint8Array<ArrayBuffer> | null {
    return this.#content;
  }

  get method(): string {
    return this.#original.method;
  }

  get url(): string {
    return this.#original.url;
  }

  get headers(): Headers {
    return this.#original.headers;
  }

  get signal(): AbortSignal {
    return this.#original.signal;
  }

  get body(): Request["body"] {
    return this.#native().body;
  }

  /** The body without its `Content-Encoding`; null where it has none, or cannot be unpacked. */
  unpacked(): Uint8Array<ArrayBuffer> | null {
    if (this.#content === null) return null;
    const encoding = this.headers.get("content-encoding");
    if (encoding === null) return this.#content;
    this.#unpacked ??= unpacked(this.#content, encoding);
    return this.#unpacked;
  }

  /** The same as text. */
  unpackedText(): string | null {
    const content = this.unpacked();
    if (content === this.#content) return this.#textNow();
    return content && decoder.decode(content);
  }

  async text(): Promise<string> {
    return this.#textNow();
  }

  async json(): Promise<unknown> {
    return JSON.parse(this.#textNow());
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(this.#content ?? []);
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).buffer;
  }

  async blob(): Promise<Blob> {
    return this.#native().blob();
  }

  async formData(): Promise<FormData> {
    return this.#native().formData();
  }

  clone(): Request {
    return this.#native();
  }

  /** Decoded once, for the log and for handlers. */
  #textNow(): string {
    this.#text ??= this.#content === null ? "" : decoder.decode(this.#content);
    return this.#text;
  }

  #native(): Request {
    const { method, url, headers, signal } = this.#original;
    return new Request(url, { method, headers, signal, body: this.#content });
  }
}
