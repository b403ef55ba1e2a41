import { randomUUID } from "node:crypto";
import type { Context, Hono } from "hono";
import { badRequest, HubFailure, refusing } from "../hub-failure.ts";
import type { HubState } from "../hub-state.ts";
import { repositoryName } from "../info-routes.ts";
import { readShardFiles, type ShardFile } from "./shard.ts";
import { decodeXorb } from "./xorb.ts";

const TOKEN_SECONDS = 3600;

/**
 * The content store that uploads of huggingface_hub 2 go to: as much of it as hf_xet needs to upload. Files are put
 * together when a shard names them, so what was never sent is refused there. Downloads go over `resolve`.
 */
export function addXetRoutes(app: Hono, state: HubState): void {
  const tokens = new Set<string>();
  const store = new ContentStore(state);

  const writeToken = refusing((context) => {
    requireWriter(context, state);
    const accessToken = `xet_${randomUUID()}`;
    tokens.add(accessToken);
    const casUrl = `${new URL(context.req.url).origin}/xet`;
    const exp = Math.floor(Date.now() / 1000) + TOKEN_SECONDS;
    return context.json({ casUrl, exp, accessToken }, 200, {
      "x-xet-cas-url": casUrl,
      "x-xet-token-expiration": String(exp),
      "x-xet-access-token": accessToken,
    });
  });
  for (const type of ["model", "dataset", "space"])
    app.get(`/api/${type}s/:owner/:name/xet-write-token/:revision`, writeToken);
  app.get("/api/buckets/:owner/:name/xet-write-token", writeToken);

  const authorised = (handler: (context: Context) => Promise<Response> | Response) =>
    refusing((context) => {
      const token = context.req.header("authorization")?.replace(/^bearer\s+/i, "") ?? "";
      if (!tokens.has(token)) throw new HubFailure(401, "Invalid content store token");
      return handler(context);
    });
  const unknown = authorised(() => {
    throw new HubFailure(404, "Not found");
  });
  app.get("/xet/v1/chunks/default/:hash", unknown);
  // A 200 here makes the client believe that it need not send the bytes.
  app.post("/xet/v1/xorb-grants/default/:hash", unknown);
  app.post("/xet/v2/shards", unknown);
  app.post("/v1/telemetry", (context) => context.json({ error: "Not found" }, 404));
  app.post(
    "/xet/v1/xorbs/default/:hash",
    authorised(async (context) => {
      const bytes = new Uint8Array(await context.req.arrayBuffer());
      return context.json({ was_inserted: store.addXorb(context.req.param("hash") ?? "", bytes) });
    }),
  );
  app.post(
    "/xet/v1/shards",
    authorised(async (context) => {
      const files = readShardFiles(new Uint8Array(await context.req.arrayBuffer()));
      for (const file of files) await store.addFile(file);
      state.save();
      return context.json({ result: 1 });
    }),
  );
}

function requireWriter(context: Context, state: HubState): void {
  const [, , collection = ""] = new URL(context.req.url).pathname.split("/");
  if (collection === "buckets") {
    const caller = state.accounts.requiredCallerOf(context);
    const bucket = state.buckets.get(repositoryName(context));
    if (!bucket || !state.accounts.canWrite(caller, context.req.param("owner") ?? ""))
      throw new HubFailure(404, "Bucket not found", { code: "RepoNotFound" });
    return;
  }
  const type = collection.slice(0, -1) as "model" | "dataset" | "space";
  state.writable(type, repositoryName(context), context);
}

class ContentStore {
  readonly #state: HubState;
  /** Xorb hash → SHA-256 of its bytes as they came. */
  readonly #xorbs = new Map<string, string>();

  constructor(state: HubState) {
    this.#state = state;
  }

  addXorb(hash: string, bytes: Uint8Array): boolean {
    const isNew = !this.#xorbs.has(hash);
    if (decodeXorb(bytes).length === 0) throw badRequest(`The xorb ${hash} holds no chunk.`);
    this.#xorbs.set(hash, this.#state.blobs.put(bytes));
    return isNew;
  }

  /** Puts a file together from chunks that have arrived. */
  async addFile(file: ShardFile): Promise<void> {
    const parts: Uint8Array[] = [];
    for (const segment of file.segments) {
      const stored = this.#xorbs.get(segment.xorb);
      if (!stored) throw badRequest(`The shard names the xorb ${segment.xorb}, which never arrived.`);
      const chunks = decodeXorb(await this.#state.blobs.read(stored));
      if (segment.endChunk > chunks.length)
        throw badRequest(`The xorb ${segment.xorb} has only ${chunks.length} chunks.`);
      parts.push(...chunks.slice(segment.firstChunk, segment.endChunk));
    }
    this.#state.xetFiles.set(file.hash, this.#state.blobs.put(Buffer.concat(parts)));
  }
}
