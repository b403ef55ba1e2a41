import { downloadFile, type ListFileEntry, listFiles, modelInfo } from "@huggingface/hub";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { callOptions, type HubConnection } from "./hub-connection.ts";
import { hubError } from "./hub-error.ts";

/** A file of a model repository at one commit. */
export interface ModelFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** Known for large files; null for those kept in git. */
  readonly sha256: string | null;
}

/** A model repository at one commit, read by parts. */
export interface ModelFiles {
  readonly repository: string;
  /** Commit id. */
  readonly revision: string;
  readonly isPrivate: boolean;
  readonly files: readonly ModelFile[];
  /** Bytes from `start` up to (not including) `end`, by a range request. */
  read(path: string, range?: { readonly start: number; readonly end: number }): Promise<Uint8Array>;
}

/** Lists a model repository at a revision. Rejects with `hub/…` when it is not there or not readable. */
export async function openModelFiles(
  connection: HubConnection,
  options: { readonly repository: string; readonly revision?: string; readonly signal?: AbortSignal },
): Promise<ModelFiles> {
  const { repository, signal } = options;
  const call = callOptions(connection, signal);
  const repo = { type: "model", name: repository } as const;
  const guarded = async <Value>(work: () => Promise<Value>): Promise<Value> => {
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      throw hubError(error, `model ${repository}`);
    }
  };
  return await guarded(async () => {
    const info = await modelInfo({
      name: repository,
      revision: options.revision ?? "main",
      additionalFields: ["sha"],
      ...call,
    });
    const revision = info.sha;
    const entries: ListFileEntry[] = [];
    for await (const entry of listFiles({ repo, revision, recursive: true, ...call }))
      if (entry.type === "file") entries.push(entry);
    return {
      repository,
      revision,
      isPrivate: info.private,
      files: entries.map((entry) => ({
        path: entry.path,
        sizeBytes: entry.lfs?.size ?? entry.size,
        sha256: entry.lfs?.oid ?? null,
      })),
      read: (path, range) =>
        guarded(async () => {
          const blob = await downloadFile({ repo, path, revision, ...call });
          if (!blob) throw missingFile(repository, path);
          const part = range ? blob.slice(range.start, range.end) : blob;
          return new Uint8Array(await part.arrayBuffer());
        }),
    };
  });
}

function missingFile(repository: string, path: string): ModelOpsError {
  return new ModelOpsError({
    code: "hub/not-found",
    message: `The model ${repository} has no file ${path}.`,
    fix: "check the revision.",
  });
}
