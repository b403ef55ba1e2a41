import { createHash } from "node:crypto";
import { HubFailure } from "./hub-failure.ts";

export type RepositoryType = "model" | "dataset" | "space";

export interface HubFile {
  readonly sha256: string;
  readonly size: number;
  readonly isLfs: boolean;
  /** Of the blob, or of the pointer file for LFS. */
  readonly gitOid: string;
}

export interface HubCommit {
  readonly oid: string;
  readonly parentOid: string | null;
  readonly title: string;
  readonly description: string;
  readonly time: string;
  readonly author: string;
  readonly files: Readonly<Record<string, HubFile>>;
}

/** Everything about a repository that is kept. */
export interface RepositoryRecord {
  readonly type: RepositoryType;
  /** `owner/name` */
  readonly name: string;
  readonly createdAt: string;
  isPrivate: boolean;
  gated: false | "auto" | "manual";
  isDisabled: boolean;
  downloads: number;
  likes: number;
  /** `pipeline_tag`, `tags`, `cardData`, `config`, `safetensors` … as the info route shows them. */
  facts: Record<string, unknown>;
  /** Users that were let in through the gate. */
  readonly admitted: string[];
  readonly commits: HubCommit[];
  readonly branches: Record<string, string>;
  readonly tags: Record<string, string>;
}

export type FileChange =
  | { readonly kind: "put"; readonly path: string; readonly file: HubFile }
  | { readonly kind: "delete"; readonly path: string }
  | { readonly kind: "delete-folder"; readonly path: string };

export function newRepository(options: {
  readonly type: RepositoryType;
  readonly name: string;
  readonly isPrivate: boolean;
  readonly time: string;
  readonly author: string;
}): RepositoryRecord {
  const record: RepositoryRecord = {
    type: options.type,
    name: options.name,
    createdAt: options.time,
    isPrivate: options.isPrivate,
    gated: false,
    isDisabled: false,
    downloads: 0,
    likes: 0,
    facts: {},
    admitted: [],
    commits: [],
    branches: {},
    tags: {},
  };
  addCommit(record, {
    branch: "main",
    title: "initial commit",
    description: "",
    author: options.author,
    time: options.time,
    changes: [],
  });
  return record;
}

export function ownerOf(record: RepositoryRecord): string {
  return record.name.slice(0, record.name.indexOf("/"));
}

/** The commit a branch, tag or commit id names; refuses with `RevisionNotFound`. */
export function commitAt(record: RepositoryRecord, revision: string): HubCommit {
  const wanted = revision === "HEAD" ? "main" : revision.replace(/^refs\/heads\//, "");
  const oid = record.branches[wanted] ?? record.tags[wanted] ?? wanted;
  const commit = record.commits.find((candidate) => candidate.oid === oid);
  if (!commit) throw new HubFailure(404, `Invalid rev id: ${revision}`, { code: "RevisionNotFound" });
  return commit;
}

export function addCommit(
  record: RepositoryRecord,
  options: {
    readonly branch: string;
    readonly title: string;
    readonly description: string;
    readonly author: string;
    readonly time: string;
    readonly changes: readonly FileChange[];
  },
): HubCommit {
  const parentOid = record.branches[options.branch] ?? null;
  const parent = record.commits.find((commit) => commit.oid === parentOid);
  const files: Record<string, HubFile> = { ...parent?.files };
  for (const change of options.changes) {
    if (change.kind === "put") files[change.path] = change.file;
    else if (change.kind === "delete") delete files[change.path];
    else {
      const prefix = change.path.endsWith("/") ? change.path : `${change.path}/`;
      for (const path of Object.keys(files)) if (path.startsWith(prefix)) delete files[path];
    }
  }
  const content = JSON.stringify([record.type, record.name, parentOid, options, record.commits.length]);
  const commit: HubCommit = {
    oid: createHash("sha1").update(content).digest("hex"),
    parentOid,
    title: options.title,
    description: options.description,
    time: options.time,
    author: options.author,
    files,
  };
  record.commits.push(commit);
  record.branches[options.branch] = commit.oid;
  return commit;
}

/** A file entry for bytes that are stored already. */
export function hubFile(bytes: Uint8Array, sha256: string, isLfs: boolean): HubFile {
  return isLfs
    ? lfsFile(sha256, bytes.byteLength)
    : { sha256, size: bytes.byteLength, isLfs: false, gitOid: gitBlobOid(bytes) };
}

export function lfsFile(sha256: string, size: number): HubFile {
  return {
    sha256,
    size,
    isLfs: true,
    gitOid: gitBlobOid(new TextEncoder().encode(lfsPointer(sha256, size))),
  };
}

export function lfsPointer(sha256: string, size: number): string {
  return `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${size}\n`;
}

function gitBlobOid(bytes: Uint8Array): string {
  return createHash("sha1").update(`blob ${bytes.byteLength}\0`).update(bytes).digest("hex");
}

const LFS_EXTENSION =
  /\.(7z|arrow|bin|bz2|ckpt|ftz|gguf|gz|h5|joblib|lz4|mlmodel|model|msgpack|npy|npz|onnx|ot|parquet|pb|pickle|pkl|pt|pth|rar|safetensors|tar|tflite|tgz|wasm|xz|zip|zst)$/;

/** The Hub's default rule: by extension, and anything over 10 MiB. */
export function isUploadedAsLfs(path: string, size: number): boolean {
  return size > 10 * 1024 * 1024 || (size > 0 && LFS_EXTENSION.test(path.toLowerCase()));
}
