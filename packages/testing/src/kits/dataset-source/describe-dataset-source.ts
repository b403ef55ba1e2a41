import { describeKit, type KitFactory, type TestRunner } from "../kit-case.ts";
import { DATASET_SOURCE_CASES } from "./dataset-source-cases.ts";
import type { DatasetSourceCase, DatasetSourcePlace } from "./dataset-source-place.ts";

/** Every promise of `DatasetSource`, as cases of their own. */
export const datasetSourceCases: readonly DatasetSourceCase[] = DATASET_SOURCE_CASES;

/** The contract of a `DatasetSource` as a test suite: `describeDatasetSource(factory, { describe, it })`. */
export function describeDatasetSource(factory: KitFactory<DatasetSourcePlace>, runner: TestRunner): void {
  describeKit("dataset-source/v1", datasetSourceCases, factory, runner);
}
