import { stat } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { commit, createRepo, datasetInfo, HubApiError, listFiles } from "@huggingface/hub";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { callOptions, type HubConnection } from "./hub-connection.ts";
import { hubError } from "./hub-error.ts";

/** A file on this machine and its place in the repository. */
export interface FileToUpload {
  readonly path: string;
  readonly localPath: string;
}

/**
 * Puts files into a private dataset repository, creating it when it is missing, and returns the commit that holds
 * them. Files that are there already with the same size are not sent again: give paths that depend on the content.
 * @throws ModelOpsError `hub/not-private` when the repository exists and everybody can read it
 */
export async function uploadPrivateFiles(
  connection: HubConnection,
  options: {
    readonly repository: string;
    readonly files: readonly FileToUpload[];
    readonly title: string;
    readonly signal?: AbortSignal;
  },
): Promise<{ readonly revision: string; readonly uploadedBytes: number }> {
  const { repository, signal } = options;
  const repo = { type: "dataset", name: repository } as const;
  const call = callOptions(connection, signal);
  try {
    await createRepo({ repo, visibility: "private", ...call }).catch((error: unknown) => {
      // It exists: made by an earlier run, or by another host a moment ago.
      if (!(error instanceof HubApiError) || error.statusCode !== 409) throw error;
    });
    const info = await datasetInfo({ name: repository, additionalFields: ["sha"], ...call });
    if (info.private !== true) throw notPrivate(repository);
    const present = new Map<string, number>();
    for await (const file of listFiles({ repo, revision: info.sha, recursive: true, ...call }))
      present.set(file.path, file.size);
    const missing: FileToUpload[] = [];
    let uploadedBytes = 0;
    for (const file of options.files) {
      const { size } = await stat(file.localPath);
      if (present.get(file.path) === size) continue;
      missing.push(file);
      uploadedBytes += size;
    }
    if (missing.length === 0) return { revision: info.sha, uploadedBytes };
    const made = await commit({
      repo,
      title: options.title,
      operations: missing.map((file) => ({
        operation: "addOrUpdate",
        path: file.path,
        content: pathToFileURL(file.localPath),
      })),
      ...call,
    });
    return { revision: made?.commit.oid ?? info.sha, uploadedBytes };
  } catch (error) {
    signal?.throwIfAborted();
    throw hubError(error, `dataset ${repository}`);
  }
}

function notPrivate(repository: string): ModelOpsError {
  return new ModelOpsError({
    code: "hub/not-private",
    message: `The dataset repository ${repository} is public.`,
    reason: "Training data is put into private repositories only.",
    fix: "make it private in its settings, or name another one.",
  });
}
