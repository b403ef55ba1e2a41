import type { Context, Hono } from "hono";
import { stableId } from "./hub-accounts.ts";
import { badRequest, HubFailure, refusing } from "./hub-failure.ts";
import {
  commitAt,
  type FileChange,
  hubFile,
  isUploadedAsLfs,
  lfsFile,
  type RepositoryType,
} from "./hub-repository.ts";
import type { HubState } from "./hub-state.ts";
import { repositoryName } from "./info-routes.ts";

const NAME = /^(?![.-])(?!.*(--|\.\.))[\w.-]{1,96}(?<![.-])$/;

/** Creating, moving and deleting repositories, and the commit flow. */
export function addWriteRoutes(app: Hono, state: HubState): void {
  app.post(
    "/api/repos/create",
    refusing(async (context) => {
      const caller = state.accounts.requiredCallerOf(context);
      const body = (await context.req.json()) as {
        type?: RepositoryType | null;
        name?: string;
        organization?: string | null;
        visibility?: string | null;
        private?: boolean | null;
      };
      const type = body.type ?? "model";
      const owner = body.organization ?? caller.user.name;
      if (!["model", "dataset", "space"].includes(type)) throw badRequest(`Invalid repository type: ${type}`);
      if (!body.name || !NAME.test(body.name)) throw badRequest(`Invalid repository name: ${body.name}`);
      if (!state.accounts.canWrite(caller, owner)) {
        throw new HubFailure(
          403,
          `You don't have the rights to create a ${type} under the namespace "${owner}"`,
        );
      }
      const name = `${owner}/${body.name}`;
      const url = `${new URL(context.req.url).origin}/${type === "model" ? "" : `${type}s/`}${name}`;
      if (state.find(type, name))
        throw new HubFailure(409, `You already created this ${type} repo`, { body: { url } });
      const isPrivate = body.visibility === "private" || body.private === true;
      const record = state.create({ type, name, isPrivate, author: caller.user.name });
      return context.json({ url, name, id: stableId(`${type}:${name}:${record.createdAt}`) });
    }),
  );
  app.delete(
    "/api/repos/delete",
    refusing(async (context) => {
      const body = (await context.req.json()) as {
        type?: RepositoryType;
        name: string;
        organization?: string;
      };
      const caller = state.accounts.requiredCallerOf(context);
      const name = body.name.includes("/")
        ? body.name
        : `${body.organization ?? caller.user.name}/${body.name}`;
      state.delete(state.writable(body.type ?? "model", name, context));
      return context.json({});
    }),
  );
  app.post(
    "/api/repos/move",
    refusing(async (context) => {
      const body = (await context.req.json()) as { fromRepo: string; toRepo: string; type?: RepositoryType };
      state.rename(state.writable(body.type ?? "model", body.fromRepo, context), body.toRepo);
      return context.json({});
    }),
  );
  for (const type of ["model", "dataset", "space"] as const) addRepositoryWrites(app, state, type);
}

function addRepositoryWrites(app: Hono, state: HubState, type: RepositoryType): void {
  const base = `/api/${type}s/:owner/:name`;
  app.put(
    `${base}/settings`,
    refusing(async (context) => {
      const record = state.writable(type, repositoryName(context), context);
      const body = (await context.req.json()) as {
        private?: boolean;
        visibility?: string;
        gated?: typeof record.gated;
      };
      if (body.private !== undefined || body.visibility !== undefined)
        record.isPrivate = body.private ?? body.visibility === "private";
      if (body.gated !== undefined) record.gated = body.gated;
      state.save();
      return context.json({ private: record.isPrivate, gated: record.gated });
    }),
  );
  app.post(
    `${base}/preupload/:revision`,
    refusing(async (context) => {
      const record = state.writable(type, repositoryName(context), context);
      refusePullRequest(context);
      const commit = commitAt(record, context.req.param("revision") ?? "main");
      const { files } = (await context.req.json()) as { files?: { path: string; size: number }[] };
      if (!Array.isArray(files)) throw badRequest('"files" is required');
      return context.json({
        commitOid: commit.oid,
        files: files.map(({ path, size }) => {
          const present = commit.files[path];
          const oid = present && (present.isLfs ? present.sha256 : present.gitOid);
          return {
            path,
            uploadMode: isUploadedAsLfs(path, size) ? "lfs" : "regular",
            shouldIgnore: false,
            ...(oid ? { oid } : {}),
          };
        }),
      });
    }),
  );
  app.post(
    `${base}/commit/:revision`,
    refusing(async (context) => commit(context, state, type)),
  );
  app.post(
    `${base}/branch/:revision`,
    refusing(async (context) => {
      const record = state.writable(type, repositoryName(context), context);
      const name = context.req.param("revision") ?? "";
      const body = (await context.req.json().catch(() => ({}))) as { startingPoint?: string };
      if (record.branches[name]) throw new HubFailure(409, `Reference already exists: ${name}`);
      record.branches[name] = commitAt(record, body.startingPoint ?? "main").oid;
      state.save();
      return context.json({});
    }),
  );
  app.delete(
    `${base}/branch/:revision`,
    refusing((context) => {
      const record = state.writable(type, repositoryName(context), context);
      delete record.branches[context.req.param("revision") ?? ""];
      state.save();
      return context.json({});
    }),
  );
  app.post(
    `${base}/tag/:revision`,
    refusing(async (context) => {
      const record = state.writable(type, repositoryName(context), context);
      const { tag } = (await context.req.json()) as { tag: string };
      if (record.tags[tag]) throw new HubFailure(409, `Tag reference exists already: ${tag}`);
      record.tags[tag] = commitAt(record, context.req.param("revision") ?? "main").oid;
      state.save();
      return context.json({});
    }),
  );
}

interface CommitLine {
  readonly key: string;
  readonly value: {
    readonly summary?: string;
    readonly description?: string;
    readonly parentCommit?: string;
    readonly path?: string;
    readonly content?: string;
    readonly encoding?: string;
    readonly oid?: string;
    readonly size?: number;
  };
}

async function commit(context: Context, state: HubState, type: RepositoryType): Promise<Response> {
  const record = state.writable(type, repositoryName(context), context);
  refusePullRequest(context);
  const branch = (context.req.param("revision") ?? "main").replace(/^refs\/heads\//, "");
  if (!record.branches[branch])
    throw new HubFailure(404, `Invalid rev id: ${branch}`, { code: "RevisionNotFound" });
  const lines = (await context.req.text())
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => JSON.parse(line) as CommitLine);
  const header = lines.find((line) => line.key === "header")?.value;
  if (!header?.summary) throw badRequest('"header.summary" is required');
  if (header.parentCommit && header.parentCommit !== record.branches[branch]) {
    throw new HubFailure(412, "A commit has happened since. Please refresh and try again.");
  }
  const changes = lines.flatMap((line) => changesOf(line, state));
  const made = state.commit(record, {
    changes,
    title: header.summary,
    description: header.description ?? "",
    branch,
    author: state.accounts.requiredCallerOf(context).user.name,
  });
  const page = `${new URL(context.req.url).origin}/${type === "model" ? "" : `${type}s/`}${record.name}`;
  return context.json({
    success: true,
    commitOid: made.oid,
    commitUrl: `${page}/commit/${made.oid}`,
    hookOutput: "",
  });
}

function changesOf(line: CommitLine, state: HubState): FileChange[] {
  const { key, value } = line;
  if (key === "header") return [];
  const path = value.path;
  if (!path || path.startsWith("/") || path.split("/").includes(".."))
    throw badRequest(`Invalid path: ${path}`);
  switch (key) {
    case "file": {
      const bytes = Buffer.from(value.content ?? "", value.encoding === "base64" ? "base64" : "utf8");
      return [{ kind: "put", path, file: hubFile(bytes, state.blobs.put(bytes), false) }];
    }
    case "lfsFile": {
      const size = value.oid ? state.blobs.size(value.oid) : null;
      // Bytes that never arrived do not count as stored.
      if (!value.oid || size === null || (value.size !== undefined && value.size !== size))
        throw badRequest(
          `Your push was rejected because an LFS pointer pointed to a file that does not exist: ${path}`,
        );
      return [{ kind: "put", path, file: lfsFile(value.oid, size) }];
    }
    case "deletedFile":
      return [{ kind: "delete", path }];
    case "deletedFolder":
      return [{ kind: "delete-folder", path }];
    case "deletedEntry":
      return [
        { kind: "delete", path },
        { kind: "delete-folder", path },
      ];
    default:
      throw badRequest(`Unknown operation: ${key}`);
  }
}

function refusePullRequest(context: Context): void {
  if (context.req.query("create_pr") !== undefined)
    throw new HubFailure(501, "The Hub twin opens no pull requests.");
}
