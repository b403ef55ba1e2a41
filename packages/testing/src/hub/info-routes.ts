import type { Context, Hono } from "hono";
import { stableId } from "./hub-accounts.ts";
import { refusing } from "./hub-failure.ts";
import {
  commitAt,
  type HubCommit,
  lfsPointer,
  ownerOf,
  type RepositoryRecord,
  type RepositoryType,
} from "./hub-repository.ts";
import type { HubState } from "./hub-state.ts";
import { page } from "./paging.ts";

const TYPES: readonly RepositoryType[] = ["model", "dataset", "space"];

/** Repository info and search, for models, datasets and spaces. */
export function addInfoRoutes(app: Hono, state: HubState): void {
  for (const type of TYPES) {
    const info = refusing((context) => {
      const caller = state.accounts.callerOf(context);
      const record = state.visible(type, repositoryName(context), caller);
      const commit = commitAt(record, context.req.param("revision") ?? "main");
      return context.json(wireInfo(record, commit, context));
    });
    app.get(`/api/${type}s/:owner/:name`, info);
    app.get(`/api/${type}s/:owner/:name/revision/:revision`, info);
    app.get(
      `/api/${type}s`,
      refusing((context) => {
        const caller = state.accounts.callerOf(context);
        const found = state.repositories.filter(
          (record) =>
            record.type === type &&
            !record.isDisabled &&
            (!record.isPrivate || state.accounts.isMember(caller, ownerOf(record))) &&
            matches(record, context),
        );
        const sorted = sort(found, context.req.query("sort"));
        const shown = page(context, sorted, {
          defaultLimit: 1000,
          maxLimit: 1000,
          hubUrl: new URL(context.req.url).origin,
        });
        const items = shown.items.map((record) => wireInfo(record, commitAt(record, "main"), context, true));
        return context.json(items, 200, shown.headers);
      }),
    );
  }
}

export function repositoryName(context: Context): string {
  return `${context.req.param("owner")}/${context.req.param("name")}`;
}

function matches(record: RepositoryRecord, context: Context): boolean {
  const { author, search, pipeline_tag: task, gated } = context.req.query();
  if (author !== undefined && ownerOf(record) !== author) return false;
  if (search !== undefined && !record.name.toLowerCase().includes(search.toLowerCase())) return false;
  if (task !== undefined && record.facts.pipeline_tag !== task) return false;
  if (gated !== undefined && String(record.gated !== false) !== gated) return false;
  const tags = tagsOf(record);
  const wanted = (context.req.queries("filter") ?? []).flatMap((filter) => filter.split(","));
  if (!wanted.every((tag) => tags.includes(tag))) return false;
  const range = /(?:min:([\d.]+[KMBT]?))?,?(?:max:([\d.]+[KMBT]?))?/.exec(
    context.req.query("num_parameters") ?? "",
  );
  const parameters = (record.facts.safetensors as { total?: number } | undefined)?.total ?? null;
  if (range?.[1] && (parameters === null || parameters < sizeOf(range[1]))) return false;
  return !(range?.[2] && (parameters === null || parameters > sizeOf(range[2])));
}

function sizeOf(text: string): number {
  const factors: Readonly<Record<string, number>> = { K: 1e3, M: 1e6, B: 1e9, T: 1e12 };
  return Number.parseFloat(text) * (factors[text.slice(-1)] ?? 1);
}

function sort(records: readonly RepositoryRecord[], by: string | undefined): RepositoryRecord[] {
  const value = (record: RepositoryRecord): number | string => {
    if (by === "downloads") return record.downloads;
    if (by === "likes") return record.likes;
    if (by === "createdAt") return record.createdAt;
    if (by === "lastModified") return record.commits.at(-1)?.time ?? "";
    return 0;
  };
  // Newest, most loved, most downloaded first; equal ones in the order they were created.
  return [...records].sort((first, second) =>
    value(second) > value(first) ? 1 : value(second) < value(first) ? -1 : 0,
  );
}

function tagsOf(record: RepositoryRecord): string[] {
  const given = Array.isArray(record.facts.tags) ? record.facts.tags.map(String) : [];
  const card = (record.facts.cardData ?? {}) as { license?: unknown };
  const license = typeof card.license === "string" ? [`license:${card.license}`] : [];
  return [...new Set([...given, ...license, "region:us"])];
}

function wireInfo(
  record: RepositoryRecord,
  commit: HubCommit,
  context: Context,
  isList = false,
): Record<string, unknown> {
  const hasSizes = context.req.query("blobs") !== undefined;
  const siblings = Object.entries(commit.files).map(([path, file]) => ({
    rfilename: path,
    ...(hasSizes
      ? {
          size: file.size,
          blobId: file.gitOid,
          ...(file.isLfs
            ? {
                lfs: {
                  sha256: file.sha256,
                  size: file.size,
                  pointerSize: lfsPointer(file.sha256, file.size).length,
                },
              }
            : {}),
        }
      : {}),
  }));
  const all: Record<string, unknown> = {
    ...record.facts,
    _id: stableId(`${record.type}:${record.name}:${record.createdAt}`),
    id: record.name,
    ...(record.type === "model" ? { modelId: record.name } : {}),
    author: ownerOf(record),
    sha: commit.oid,
    lastModified: commit.time,
    createdAt: record.createdAt,
    private: record.isPrivate,
    gated: record.gated,
    disabled: record.isDisabled,
    downloads: record.downloads,
    downloadsAllTime: record.downloads,
    likes: record.likes,
    tags: tagsOf(record),
    siblings,
    spaces: [],
    usedStorage: Object.values(commit.files).reduce((sum, file) => sum + file.size, 0),
  };
  const expanded = [...(context.req.queries("expand") ?? []), ...(context.req.queries("expand[]") ?? [])];
  if (expanded.length > 0)
    return Object.fromEntries(
      ["_id", "id", ...expanded].flatMap((key) => (key in all ? [[key, all[key]]] : [])),
    );
  if (isList && context.req.query("full") === undefined) {
    const { siblings: _files, usedStorage: _storage, config: _config, ...short } = all;
    return short;
  }
  return all;
}
