import type { Context, Hono } from "hono";
import { sha256Of } from "./blob-store.ts";
import { badRequest, HubFailure, refusing } from "./hub-failure.ts";
import type { RepositoryType } from "./hub-repository.ts";
import type { HubState } from "./hub-state.ts";

/** Git LFS: batch with `transfer: "basic"`, upload, verify. */
export function addLfsRoutes(app: Hono, state: HubState): void {
  for (const type of ["model", "dataset", "space"] as const) {
    const prefix = type === "model" ? "" : `/${type}s`;
    app.post(
      `${prefix}/:owner/:repository{[^/]+\\.git}/info/lfs/objects/batch`,
      refusing((context) => batch(context, state, type)),
    );
  }
  app.put(
    "/lfs-objects/:oid",
    refusing(async (context) => {
      const bytes = new Uint8Array(await context.req.arrayBuffer());
      if (sha256Of(bytes) !== context.req.param("oid"))
        throw badRequest("The content does not match its digest.");
      state.blobs.put(bytes);
      return context.body(null, 200);
    }),
  );
  app.post(
    "/lfs-verify",
    refusing(async (context) => {
      const { oid, size } = (await context.req.json()) as { oid: string; size: number };
      if (state.blobs.size(oid) !== size) throw new HubFailure(404, `Object ${oid} is not stored.`);
      return context.json({});
    }),
  );
}

async function batch(context: Context, state: HubState, type: RepositoryType): Promise<Response> {
  const name = `${context.req.param("owner")}/${(context.req.param("repository") ?? "").slice(0, -".git".length)}`;
  const body = (await context.req.json()) as {
    operation?: string;
    hash_algo?: string;
    objects?: { oid: string; size: number }[];
  };
  if (body.operation !== "upload") throw new HubFailure(501, "The Hub twin answers LFS uploads only.");
  state.writable(type, name, context);
  if (!Array.isArray(body.objects)) throw badRequest('"objects" is required');
  const { origin } = new URL(context.req.url);
  const objects = body.objects.map(({ oid, size }) => {
    if (!/^[0-9a-f]{64}$/.test(oid)) return { oid, size, error: { code: 422, message: "invalid object id" } };
    if (state.blobs.size(oid) === size) return { oid, size };
    const verify = { href: `${origin}/lfs-verify`, header: {} };
    return { oid, size, actions: { upload: { href: `${origin}/lfs-objects/${oid}`, header: {} }, verify } };
  });
  return context.json({ transfer: "basic", objects }, 200, {
    "content-type": "application/vnd.git-lfs+json",
  });
}
