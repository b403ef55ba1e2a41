import type { Hono } from "hono";
import { stableId } from "./hub-accounts.ts";
import { badRequest, HubFailure, refusing } from "./hub-failure.ts";
import type { BucketRecord, HubState } from "./hub-state.ts";
import { repositoryName } from "./info-routes.ts";

interface BatchLine {
  readonly type: string;
  readonly path: string;
  readonly xetHash?: string;
}

/** Storage buckets: create, info, tree, batch and resolve, as far as `run_uv_job` and a job's volumes need them. */
export function addBucketRoutes(app: Hono, state: HubState): void {
  const find = (name: string): BucketRecord => {
    const bucket = state.buckets.get(name);
    if (!bucket) throw new HubFailure(404, "Bucket not found", { code: "RepoNotFound" });
    return bucket;
  };
  app.post(
    "/api/buckets/:owner/:name",
    refusing(async (context) => {
      const caller = state.accounts.requiredCallerOf(context);
      const asked = context.req.param("owner") ?? "";
      const owner = asked === "me" ? caller.user.name : asked;
      if (!state.accounts.canWrite(caller, owner))
        throw new HubFailure(
          403,
          `You don't have the rights to create a bucket under the namespace "${owner}"`,
        );
      const name = `${owner}/${context.req.param("name")}`;
      const url = `${new URL(context.req.url).origin}/buckets/${name}`;
      if (state.buckets.has(name))
        throw new HubFailure(409, "You already created this bucket", {
          body: { url, id: stableId(`bucket:${name}`) },
        });
      const body = (await context.req.json().catch(() => ({}))) as { visibility?: string; private?: boolean };
      state.buckets.set(name, {
        name,
        createdAt: state.time(),
        isPrivate: body.visibility === "private" || body.private === true,
        files: {},
      });
      state.save();
      return context.json({ url, name, id: stableId(`bucket:${name}`) });
    }),
  );
  app.get(
    "/api/buckets/:owner/:name",
    refusing((context) => {
      state.accounts.requiredCallerOf(context);
      const bucket = find(repositoryName(context));
      const sizes = Object.values(bucket.files).map((file) => file.size);
      return context.json({
        id: bucket.name,
        author: bucket.name.slice(0, bucket.name.indexOf("/")),
        private: bucket.isPrivate,
        repoType: "bucket",
        createdAt: bucket.createdAt,
        updatedAt: bucket.createdAt,
        size: sizes.reduce((sum, size) => sum + size, 0),
        totalFiles: sizes.length,
        cdnRegions: [],
      });
    }),
  );
  const tree = refusing((context) => {
    state.accounts.requiredCallerOf(context);
    const bucket = find(repositoryName(context));
    const path = new URL(context.req.url).pathname;
    const prefix = decodeURIComponent(path.slice(path.indexOf("/tree") + "/tree".length).replace(/^\//, ""));
    return context.json(
      Object.entries(bucket.files)
        .filter(([name]) => prefix === "" || name === prefix || name.startsWith(`${prefix}/`))
        .map(([name, file]) => ({
          type: "file",
          path: name,
          size: file.size,
          uploadedAt: file.time,
          xetHash: file.sha256,
        })),
    );
  });
  app.get("/api/buckets/:owner/:name/tree", tree);
  app.get("/api/buckets/:owner/:name/tree/*", tree);
  app.post(
    "/api/buckets/:owner/:name/batch",
    refusing(async (context) => {
      const caller = state.accounts.requiredCallerOf(context);
      const bucket = find(repositoryName(context));
      if (!state.accounts.canWrite(caller, context.req.param("owner") ?? ""))
        throw new HubFailure(403, "Forbidden: a write token is needed.");
      const lines = (await context.req.text()).split("\n").filter((line) => line.trim() !== "");
      const operations = lines.map((line) => JSON.parse(line) as BatchLine);
      for (const operation of operations) apply(operation, bucket, state);
      state.save();
      return context.json({
        success: true,
        processed: operations.length,
        succeeded: operations.length,
        failed: [],
      });
    }),
  );
  app.get(
    "/buckets/:owner/:name/resolve/*",
    refusing(async (context) => {
      state.accounts.requiredCallerOf(context);
      const path = new URL(context.req.url).pathname;
      const name = decodeURIComponent(path.slice(path.indexOf("/resolve/") + "/resolve/".length));
      const file = find(repositoryName(context)).files[name];
      if (!file) throw new HubFailure(404, "Entry not found", { code: "EntryNotFound" });
      const bytes = await state.blobs.read(file.sha256);
      return new Response(bytes as Uint8Array<ArrayBuffer>, { headers: { etag: `"${file.sha256}"` } });
    }),
  );
}

function apply(operation: BatchLine, bucket: BucketRecord, state: HubState): void {
  if (operation.type === "deleteFile") {
    delete bucket.files[operation.path];
    return;
  }
  if (operation.type !== "addFile")
    throw badRequest(`The Hub twin has no bucket operation ${operation.type}.`);
  const sha256 = state.xetFiles.get(operation.xetHash ?? "");
  const size = sha256 === undefined ? null : state.blobs.size(sha256);
  if (sha256 === undefined || size === null)
    throw new HubFailure(422, `The content of ${operation.path} never arrived.`);
  bucket.files[operation.path] = { sha256, size, time: state.time() };
}
