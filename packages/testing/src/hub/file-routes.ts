import type { Context, Hono } from "hono";
import { avatarOf } from "./hub-accounts.ts";
import { HubFailure, refusing } from "./hub-failure.ts";
import { commitAt, type HubCommit, type HubFile, lfsPointer, type RepositoryType } from "./hub-repository.ts";
import type { HubState } from "./hub-state.ts";
import { repositoryName } from "./info-routes.ts";
import { page } from "./paging.ts";

/** Listing and reading files: tree, paths-info, refs, commits, resolve with ranges. */
export function addFileRoutes(app: Hono, state: HubState): void {
  for (const type of ["model", "dataset", "space"] as const) {
    const base = `/api/${type}s/:owner/:name`;
    const tree = refusing((context) => {
      const record = state.visible(type, repositoryName(context), state.accounts.callerOf(context));
      const commit = commitAt(record, context.req.param("revision") ?? "main");
      const folder = pathAfter(context, "tree");
      const entries = treeEntries(
        commit,
        folder,
        context.req.query("recursive") === "true",
        context.req.query("expand") === "true",
      );
      if (folder !== "" && entries.length === 0)
        throw new HubFailure(404, `${folder} does not exist on "${context.req.param("revision")}"`, {
          code: "EntryNotFound",
        });
      const shown = page(context, entries, {
        defaultLimit: 1000,
        maxLimit: 1000,
        hubUrl: new URL(context.req.url).origin,
      });
      return context.json(shown.items, 200, shown.headers);
    });
    app.get(`${base}/tree/:revision`, tree);
    app.get(`${base}/tree/:revision/*`, tree);
    app.post(
      `${base}/paths-info/:revision`,
      refusing(async (context) => {
        const record = state.visible(type, repositoryName(context), state.accounts.callerOf(context));
        const commit = commitAt(record, context.req.param("revision") ?? "main");
        const { paths } = (await context.req.json()) as { paths: string | string[] };
        const wanted = Array.isArray(paths) ? paths : [paths];
        return context.json(
          treeEntries(commit, "", true, false).filter((entry) => wanted.includes(entry.path)),
        );
      }),
    );
    app.get(
      `${base}/refs`,
      refusing((context) => {
        const record = state.visible(type, repositoryName(context), state.accounts.callerOf(context));
        const list = (kind: string, references: Readonly<Record<string, string>>) =>
          Object.entries(references).map(([name, oid]) => ({
            name,
            ref: `refs/${kind}/${name}`,
            targetCommit: oid,
          }));
        return context.json({
          branches: list("heads", record.branches),
          tags: list("tags", record.tags),
          converts: [],
        });
      }),
    );
    app.get(
      `${base}/commits/:revision`,
      refusing((context) => {
        const record = state.visible(type, repositoryName(context), state.accounts.callerOf(context));
        const history: HubCommit[] = [];
        let next: HubCommit | undefined = commitAt(record, context.req.param("revision") ?? "main");
        while (next) {
          history.push(next);
          const parentOid: string | null = next.parentOid;
          next = record.commits.find((commit) => commit.oid === parentOid);
        }
        const shown = page(context, history, {
          defaultLimit: 50,
          maxLimit: 1000,
          hubUrl: new URL(context.req.url).origin,
        });
        return context.json(
          shown.items.map((commit) => ({
            id: commit.oid,
            title: commit.title,
            message: commit.description,
            authors: [{ user: commit.author, avatar: avatarOf(commit.author) }],
            date: commit.time,
          })),
          200,
          { ...shown.headers, "x-total-count": String(history.length) },
        );
      }),
    );
    const resolve = refusing((context) => sendFile(context, state, type));
    const prefix = type === "model" ? "" : `/${type}s`;
    for (const verb of ["resolve", "raw"]) {
      // HEAD is answered by the GET route: the server drops the body.
      app.get(`${prefix}/:owner/:name/${verb}/:revision/*`, resolve);
    }
  }
}

/** The rest of the path after `/<verb>/<revision>/`, decoded. */
function pathAfter(context: Context, verb: string): string {
  const path = new URL(context.req.url).pathname;
  const rest = path.slice(path.indexOf(`/${verb}/`) + verb.length + 2);
  const slash = rest.indexOf("/");
  return slash === -1 ? "" : decodeURIComponent(rest.slice(slash + 1)).replace(/\/$/, "");
}

interface TreeEntry {
  readonly type: "file" | "directory";
  readonly path: string;
  readonly oid: string;
  readonly size: number;
  readonly lfs?: { readonly oid: string; readonly size: number; readonly pointerSize: number };
  readonly lastCommit?: { readonly id: string; readonly title: string; readonly date: string };
}

function treeEntries(
  commit: HubCommit,
  folder: string,
  isRecursive: boolean,
  isExpanded: boolean,
): TreeEntry[] {
  const prefix = folder === "" ? "" : `${folder}/`;
  const last = isExpanded ? { lastCommit: { id: commit.oid, title: commit.title, date: commit.time } } : {};
  const files: TreeEntry[] = [];
  const folders = new Map<string, TreeEntry>();
  for (const [path, file] of Object.entries(commit.files)) {
    if (!path.startsWith(prefix)) continue;
    const segments = path.slice(prefix.length).split("/");
    for (let depth = 1; depth < segments.length && (isRecursive || depth === 1); depth += 1) {
      const name = prefix + segments.slice(0, depth).join("/");
      folders.set(name, { type: "directory", path: name, oid: commit.oid, size: 0, ...last });
    }
    if (isRecursive || segments.length === 1) files.push({ ...fileEntry(path, file), ...last });
  }
  return [...folders.values(), ...files];
}

function fileEntry(path: string, file: HubFile): TreeEntry {
  return {
    type: "file",
    path,
    oid: file.gitOid,
    size: file.size,
    ...(file.isLfs
      ? {
          lfs: {
            oid: file.sha256,
            size: file.size,
            pointerSize: lfsPointer(file.sha256, file.size).length,
          },
        }
      : {}),
  };
}

async function sendFile(context: Context, state: HubState, type: RepositoryType): Promise<Response> {
  const origin = new URL(context.req.url).origin;
  const name = repositoryName(context);
  const record = state.readable(type, name, state.accounts.callerOf(context), origin);
  if (record.name !== name) {
    const moved = new URL(context.req.url);
    return new Response(null, {
      status: 307,
      headers: { location: moved.pathname.replace(name, record.name) },
    });
  }
  const verb = new URL(context.req.url).pathname.includes("/raw/") ? "raw" : "resolve";
  const commit = commitAt(record, context.req.param("revision") ?? "main");
  const path = pathAfter(context, verb);
  const file = commit.files[path];
  if (!file) throw new HubFailure(404, "Entry not found", { code: "EntryNotFound" });
  const isPointer = verb === "raw" && file.isLfs;
  const pointer = isPointer ? new TextEncoder().encode(lfsPointer(file.sha256, file.size)) : null;
  const size = pointer?.byteLength ?? file.size;
  const etag = `"${file.isLfs && !isPointer ? file.sha256 : file.gitOid}"`;
  const headers: Record<string, string> = {
    "accept-ranges": "bytes",
    "content-type": "application/octet-stream",
    "x-repo-commit": commit.oid,
    etag,
    ...(file.isLfs ? { "x-linked-size": String(file.size), "x-linked-etag": `"${file.sha256}"` } : {}),
  };
  if (context.req.method !== "HEAD" && path === "config.json") record.downloads += 1;
  if (context.req.header("if-none-match") === etag) return new Response(null, { status: 304, headers });
  const range = byteRange(context.req.header("range"), size);
  if (range === "unsatisfiable")
    return new Response(null, { status: 416, headers: { ...headers, "content-range": `bytes */${size}` } });
  const { start, end } = range ?? { start: 0, end: size };
  headers["content-length"] = String(end - start);
  if (range) headers["content-range"] = `bytes ${start}-${end - 1}/${size}`;
  const status = range ? 206 : 200;
  if (context.req.method === "HEAD") return new Response(null, { status, headers });
  const bytes = pointer?.subarray(start, end) ?? (await state.blobs.read(file.sha256, start, end));
  return new Response(bytes as Uint8Array<ArrayBuffer>, { status, headers });
}

/** The range asked for (`end` exclusive); null = everything. Several ranges at once are not served. */
function byteRange(
  header: string | undefined,
  size: number,
): { readonly start: number; readonly end: number } | "unsatisfiable" | null {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (!match || (match[1] === "" && match[2] === "")) return null;
  const [, first = "", last = ""] = match;
  if (first === "") return { start: Math.max(0, size - Number(last)), end: size };
  const start = Number(first);
  if (start >= size) return "unsatisfiable";
  return { start, end: last === "" ? size : Math.min(size, Number(last) + 1) };
}
