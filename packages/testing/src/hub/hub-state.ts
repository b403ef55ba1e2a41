import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "@modelops/core";
import type { Context } from "hono";
import { type BlobStore, FolderBlobs, MemoryBlobs } from "./blob-store.ts";
import type { HubAccounts, HubCaller } from "./hub-accounts.ts";
import { HubFailure, repositoryNotFound } from "./hub-failure.ts";
import {
  addCommit,
  type FileChange,
  type HubCommit,
  hubFile,
  isUploadedAsLfs,
  newRepository,
  ownerOf,
  type RepositoryRecord,
  type RepositoryType,
} from "./hub-repository.ts";
import type { ViewerRows } from "./viewer-routes.ts";

/** Files as a bucket keeps them: path → blob. */
export interface BucketRecord {
  readonly name: string;
  readonly createdAt: string;
  isPrivate: boolean;
  readonly files: Record<string, { readonly sha256: string; readonly size: number; readonly time: string }>;
}

interface SavedState {
  readonly repositories: readonly RepositoryRecord[];
  readonly renamed: Readonly<Record<string, string>>;
  readonly buckets: readonly BucketRecord[];
  /** File hash of the content store → SHA-256 of the bytes. */
  readonly xetFiles: Readonly<Record<string, string>>;
}

/** What a Hub twin knows: repositories, buckets and the bytes of their files. */
export class HubState {
  readonly accounts: HubAccounts;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly buckets = new Map<string, BucketRecord>();
  readonly xetFiles = new Map<string, string>();
  /** What the dataset viewer shows, by dataset. */
  readonly viewerRows = new Map<string, ViewerRows>();
  readonly #repositories = new Map<string, RepositoryRecord>();
  readonly #renamed = new Map<string, string>();
  readonly #file: string | null;

  constructor(options: {
    readonly accounts: HubAccounts;
    readonly clock: Clock;
    readonly folder?: string;
  }) {
    this.accounts = options.accounts;
    this.clock = options.clock;
    this.blobs = options.folder ? new FolderBlobs(join(options.folder, "blobs")) : new MemoryBlobs();
    this.#file = options.folder ? join(options.folder, "hub.json") : null;
    if (options.folder) mkdirSync(options.folder, { recursive: true });
    if (this.#file && existsSync(this.#file)) this.#load(this.#file);
  }

  get repositories(): readonly RepositoryRecord[] {
    return [...this.#repositories.values()];
  }

  time(): string {
    return new Date(this.clock.now()).toISOString();
  }

  find(type: RepositoryType, name: string): RepositoryRecord | null {
    const key = `${type}:${name}`;
    return this.#repositories.get(this.#renamed.get(key) ?? key) ?? null;
  }

  /** The repository of a request, when the caller may know that it exists. */
  visible(type: RepositoryType, name: string, caller: HubCaller | null): RepositoryRecord {
    const record = this.find(type, name);
    if (!record || (record.isPrivate && !this.accounts.isMember(caller, ownerOf(record))))
      throw repositoryNotFound(caller !== null);
    if (record.isDisabled) throw new HubFailure(403, "Access to this resource is disabled.");
    return record;
  }

  /** As `visible`, and the caller may read its files. */
  readable(type: RepositoryType, name: string, caller: HubCaller | null, hubUrl: string): RepositoryRecord {
    const record = this.visible(type, name, caller);
    if (record.gated === false || this.accounts.isMember(caller, ownerOf(record))) return record;
    if (caller && record.admitted.includes(caller.user.name)) return record;
    const page = `${hubUrl}/${record.type === "model" ? "" : `${record.type}s/`}${record.name}`;
    const start = `Access to ${record.type} ${record.name} is restricted`;
    throw caller
      ? new HubFailure(
          403,
          `${start} and you are not in the authorized list. Visit ${page} to ask for access.`,
          {
            code: "GatedRepo",
          },
        )
      : new HubFailure(
          401,
          `${start}. You must have access to it and be authenticated to access it. Please log in.`,
          {
            code: "GatedRepo",
          },
        );
  }

  /** As `visible`, and the caller may change it. */
  writable(type: RepositoryType, name: string, context: Context): RepositoryRecord {
    const caller = this.accounts.requiredCallerOf(context);
    const record = this.visible(type, name, caller);
    if (!this.accounts.canWrite(caller, ownerOf(record))) {
      throw new HubFailure(
        403,
        `Forbidden: you must use a write token to upload to a repository. (${record.name} is not writable with it.)`,
      );
    }
    return record;
  }

  create(options: {
    readonly type: RepositoryType;
    readonly name: string;
    readonly isPrivate: boolean;
    readonly author: string;
  }): RepositoryRecord {
    const record = newRepository({ ...options, time: this.time() });
    this.#repositories.set(`${options.type}:${options.name}`, record);
    this.save();
    return record;
  }

  delete(record: RepositoryRecord): void {
    this.#repositories.delete(`${record.type}:${record.name}`);
    this.save();
  }

  /** Moves a repository; the old name keeps leading to it. */
  rename(record: RepositoryRecord, name: string): void {
    const from = `${record.type}:${record.name}`;
    const to = `${record.type}:${name}`;
    this.#repositories.delete(from);
    this.#repositories.set(to, { ...record, name });
    this.#renamed.set(from, to);
    this.save();
  }

  /** Commits files given as bytes or text. */
  commitFiles(
    record: RepositoryRecord,
    files: Readonly<Record<string, Uint8Array | string>>,
    options: { readonly title?: string; readonly branch?: string; readonly author?: string } = {},
  ): HubCommit {
    const changes = Object.entries(files).map(([path, content]): FileChange => {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      const sha256 = this.blobs.put(bytes);
      return { kind: "put", path, file: hubFile(bytes, sha256, isUploadedAsLfs(path, bytes.byteLength)) };
    });
    return this.commit(record, { changes, ...options });
  }

  commit(
    record: RepositoryRecord,
    options: {
      readonly changes: readonly FileChange[];
      readonly title?: string;
      readonly description?: string;
      readonly branch?: string;
      readonly author?: string;
    },
  ): HubCommit {
    const commit = addCommit(record, {
      branch: options.branch ?? "main",
      title: options.title ?? "Upload files",
      description: options.description ?? "",
      author: options.author ?? ownerOf(record),
      time: this.time(),
      changes: options.changes,
    });
    this.save();
    return commit;
  }

  save(): void {
    if (!this.#file) return;
    const state: SavedState = {
      repositories: this.repositories,
      renamed: Object.fromEntries(this.#renamed),
      buckets: [...this.buckets.values()],
      xetFiles: Object.fromEntries(this.xetFiles),
    };
    const draft = `${this.#file}.${process.pid}.part`;
    writeFileSync(draft, JSON.stringify(state));
    renameSync(draft, this.#file);
  }

  #load(file: string): void {
    const saved = JSON.parse(readFileSync(file, "utf8")) as SavedState;
    for (const record of saved.repositories) this.#repositories.set(`${record.type}:${record.name}`, record);
    for (const [from, to] of Object.entries(saved.renamed)) this.#renamed.set(from, to);
    for (const bucket of saved.buckets) this.buckets.set(bucket.name, bucket);
    for (const [hash, sha256] of Object.entries(saved.xetFiles)) this.xetFiles.set(hash, sha256);
  }
}
