import { randomUUID } from "node:crypto";
import { rename } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { DatasetDescription, DatasetRow, DatasetSource } from "../contract/dataset-source.ts";
import type { LangSmithReaderOptions } from "../langsmith/langsmith-reader.ts";
import type { TrainingMethod } from "../model/model-version.ts";
import { type CheckDatasetOptions, checkDataset } from "./check-dataset.ts";
import { type CollectDatasetOptions, type CollectedDataset, collectDataset } from "./collect-dataset.ts";
import type { DatasetCheck } from "./dataset-check.ts";
import { type DatasetReference, datasetReader } from "./dataset-reference.ts";
import { type ExportDatasetOptions, type ExportedDataset, exportDataset } from "./export-dataset.ts";
import { type MixDatasetsOptions, type MixedDataset, type MixPart, mixDatasets } from "./mix-datasets.ts";
import { type SplitDatasetOptions, splitDataset, type WrittenRows } from "./split-dataset.ts";

export interface DatasetsOptions {
  /** Files that are given no path are written to `<home>/datasets`, named after their content. @default ".modelops" */
  readonly home?: string;
  /** Beside the built-in `file:`, `hf:` and `ls:`; one of the same scheme replaces it. */
  readonly sources?: readonly DatasetSource[];
  /** How `collect` reaches LangSmith. */
  readonly langSmith?: LangSmithReaderOptions;
}

/** A written file and the reference that reads it. */
type WithRef<Written> = Written & { readonly ref: string };
type Optional<Options, Name extends keyof Options> = Omit<Options, Name> & Partial<Pick<Options, Name>>;
type Own = "reader" | "langSmith";

/** Everything that is done with datasets before a training, over one set of sources. */
export interface Datasets {
  /** Rows of a reference, in order. */
  read(ref: DatasetReference, options?: { readonly signal?: AbortSignal }): AsyncIterable<DatasetRow>;
  /** Size and fingerprint. */
  describe(ref: DatasetReference, options?: { readonly signal?: AbortSignal }): Promise<DatasetDescription>;
  /** As `checkDataset`. */
  check(
    ref: DatasetReference,
    method: TrainingMethod,
    options?: Omit<CheckDatasetOptions, Own>,
  ): Promise<DatasetCheck>;
  /** As `exportDataset`, with a manifest beside the file. */
  export(
    ref: DatasetReference,
    method: TrainingMethod,
    options: Omit<ExportDatasetOptions, Own>,
  ): Promise<WithRef<ExportedDataset>>;
  /** As `mixDatasets`; without a path the file is named after its content. */
  mix(
    parts: readonly MixPart[],
    options?: Optional<Omit<MixDatasetsOptions, Own>, "path">,
  ): Promise<WithRef<MixedDataset>>;
  /** As `splitDataset`; without paths the files are named after their content. */
  split(
    ref: DatasetReference,
    options: Optional<Omit<SplitDatasetOptions, Own>, "trainPath" | "evaluationPath">,
  ): Promise<{ readonly train: WithRef<WrittenRows>; readonly evaluation: WithRef<WrittenRows> }>;
  /** As `collectDataset`; without a path the file is named after its content. */
  collect(options: Optional<Omit<CollectDatasetOptions, Own>, "path">): Promise<WithRef<CollectedDataset>>;
}

/** The dataset functions over the built-in sources and the given ones. */
export function createDatasets(options: DatasetsOptions = {}): Datasets {
  const { home = ".modelops", sources, langSmith } = options;
  const reader = datasetReader(sources);
  const draft = (name: string, path: string | undefined) =>
    path ?? join(resolve(home), "datasets", `${name}-${randomUUID()}.jsonl`);
  /** A file without a given path takes its content's name: the same rows again are the same file. */
  const settle = async <Written extends WrittenRows>(
    written: Written,
    name: string,
    given: string | undefined,
  ): Promise<WithRef<Written>> => {
    if (given !== undefined) return { ...written, ref: `file:${written.path}` };
    const path = join(resolve(home), "datasets", `${name}-${written.sha256.slice(0, 16)}.jsonl`);
    await rename(written.path, path);
    return { ...written, path, ref: `file:${path}` };
  };
  return {
    async *read(ref, { signal } = {}) {
      for await (const rows of reader.batches(ref, { ...(signal && { signal }) })) yield* rows;
    },
    describe: (ref, describeOptions) => reader.describe(ref, describeOptions),
    check: (ref, method, checkOptions) => checkDataset(ref, method, { ...checkOptions, reader }),
    async export(ref, method, exportOptions) {
      const exported = await exportDataset(ref, method, { manifest: true, ...exportOptions, reader });
      return { ...exported, ref: `file:${exported.path}` };
    },
    async mix(parts, mixOptions = {}) {
      const path = draft("mix", mixOptions.path);
      return settle(await mixDatasets(parts, { ...mixOptions, path, reader }), "mix", mixOptions.path);
    },
    async split(ref, splitOptions) {
      const { trainPath, evaluationPath } = splitOptions;
      const written = await splitDataset(ref, {
        ...splitOptions,
        trainPath: draft("train", trainPath),
        evaluationPath: draft("evaluation", evaluationPath),
        reader,
      });
      return {
        train: await settle(written.train, "train", trainPath),
        evaluation: await settle(written.evaluation, "evaluation", evaluationPath),
      };
    },
    async collect(collectOptions) {
      const name = collectOptions.agent?.replaceAll(/[^\w-]/g, "_") ?? "traces";
      const path = draft(name, collectOptions.path);
      const collected = await collectDataset({ ...collectOptions, path, ...(langSmith && { langSmith }) });
      return settle(collected, name, collectOptions.path);
    },
  };
}

/** The dataset functions with the built-in sources. `createModelOps` has its own, over the sources it was given. */
export const datasets: Datasets = /* @__PURE__ */ createDatasets();
