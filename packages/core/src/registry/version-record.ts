import type { RecordPut, StoredRecord } from "../contract/registry-store.ts";
import type { ModelVersion } from "../model/model-version.ts";

/** A version as a record. `order` is given once, when the version is added. */
export function versionPut(version: ModelVersion, order?: string): RecordPut {
  const { deploymentStatus, tags, parentVersion, jobId } = version;
  const terms = [`status:${deploymentStatus}`, ...tags.map((tag) => `tag:${tag}`)];
  if (parentVersion !== null) terms.push(`parent:${parentVersion}`);
  if (jobId !== null) terms.push(`job:${jobId}`);
  return { collection: "versions", key: version.version, order, terms, value: version };
}

export function readVersion(record: StoredRecord): ModelVersion {
  return record.value as unknown as ModelVersion;
}

/** Sorts versions by the time they were added; the number keeps those of one moment apart. */
export function versionOrder(at: string, count: number): string {
  return `${at}/${String(count).padStart(12, "0")}`;
}
