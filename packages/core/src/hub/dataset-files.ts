import { datasetInfo, downloadFile, listFiles } from "@huggingface/hub";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { callOptions, type HubConnection } from "./hub-connection.ts";
import { hubError } from "./hub-error.ts";

export interface DatasetFile {
  readonly path: string;
  readonly sizeBytes: number;
}

/** A dataset repository at one commit. */
export interface DatasetFiles {
  readonly repository: string;
  /** Commit id. */
  readonly revision: string;
  readonly files: readonly DatasetFile[];
  /** What the dataset's card says about its subsets and splits; anything, since people write it. */
  readonly cardConfigs: unknown;
  /** A file's bytes: streamed, or by range requests. */
  open(path: string): Promise<Blob>;
}

/** Lists a dataset repository at a revision. Rejects with `hub/…` when it is not there or not readable. */
export async function openDatasetFiles(
  connection: HubConnection,
  options: { readonly repository: string; readonly revision: string; readonly signal?: AbortSignal },
): Promise<DatasetFiles> {
  const { repository, signal } = options;
  const call = callOptions(connection, signal);
  const repo = { type: "dataset", name: repository } as const;
  try {
    const info = await datasetInfo({
      name: repository,
      revision: options.revision,
      additionalFields: ["sha", "cardData"],
      ...call,
    });
    const files: DatasetFile[] = [];
    for await (const entry of listFiles({ repo, revision: info.sha, recursive: true, ...call }))
      if (entry.type === "file") files.push({ path: entry.path, sizeBytes: entry.lfs?.size ?? entry.size });
    return {
      repository,
      revision: info.sha,
      files,
      cardConfigs: (info.cardData as { readonly configs?: unknown } | undefined)?.configs,
      async open(path) {
        try {
          const blob = await downloadFile({ repo, path, revision: info.sha, ...call });
          if (blob) return blob;
        } catch (error) {
          signal?.throwIfAborted();
          throw hubError(error, `dataset ${repository}`);
        }
        throw new ModelOpsError({
          code: "hub/not-found",
          message: `The dataset ${repository} has no file ${path}.`,
          fix: "check the revision.",
        });
      },
    };
  } catch (error) {
    signal?.throwIfAborted();
    throw hubError(error, `dataset ${repository}`);
  }
}
