import type { RegistryStore, StoredRecord } from "../contract/registry-store.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { canonicalAgentName } from "../model/agent-name.ts";
import type { ModelVersion } from "../model/model-version.ts";
import type { Pointers } from "./lifecycle.ts";
import { moveOrderAtMost, type PointerMove } from "./pointer-move.ts";
import { findVersion, requireAgent, throwUnknownVersion } from "./registry-context.ts";
import { type ListVersionsInput, listSchema, parseInput } from "./registry-inputs.ts";
import { readVersion } from "./version-record.ts";

const DEFAULT_LIMIT = 50;
/** A chain of parents longer than this is cut, and said so: it would be a loop or an accident. */
const MAX_PARENTS = 100;

export interface VersionPage {
  /** Newest first. */
  readonly versions: readonly ModelVersion[];
  /** Pass it as `cursor` for the next page; null at the end. */
  readonly nextCursor: string | null;
}

export async function listVersions(store: RegistryStore, input: ListVersionsInput): Promise<VersionPage> {
  const { agent, status, tag, limit, cursor, signal } = parseInput(listSchema, input, "listVersions");
  signal?.throwIfAborted();
  const name = agent === undefined ? undefined : canonicalAgentName(agent);
  if (name !== undefined) await requireAgent(store, name);
  const terms = [status && `status:${status}`, tag && `tag:${tag}`].filter((term) => term !== undefined);
  const { records, nextCursor } = await store.list({
    collection: "versions",
    agent: name,
    terms,
    direction: "descending",
    limit: limit ?? DEFAULT_LIMIT,
    cursor,
  });
  return { versions: records.map(readVersion), nextCursor };
}

/** All of them, a page at a time. */
export async function* iterateVersions(
  store: RegistryStore,
  input: Omit<ListVersionsInput, "cursor">,
): AsyncGenerator<ModelVersion, void, undefined> {
  let cursor: string | null = null;
  do {
    const page: VersionPage = await listVersions(store, { ...input, cursor });
    yield* page.versions;
    cursor = page.nextCursor;
  } while (cursor !== null);
}

export interface MovePage {
  /** Newest first. */
  readonly moves: readonly PointerMove[];
  readonly nextCursor: string | null;
}

export async function history(
  store: RegistryStore,
  input: { readonly agent: string; readonly limit?: number; readonly cursor?: string | null },
): Promise<MovePage> {
  const agent = canonicalAgentName(input.agent);
  await requireAgent(store, agent);
  const { limit = DEFAULT_LIMIT, cursor } = input;
  const page = await store.list({
    collection: "pointer-moves",
    agent,
    direction: "descending",
    limit,
    cursor,
  });
  return { moves: page.records.map(readMove), nextCursor: page.nextCursor };
}

/** Who served an agent at a moment. */
export interface ServingAnswer extends Pointers {
  /** When that began; null when the registry knows of no move up to that moment. */
  readonly since: string | null;
  readonly move: PointerMove | null;
}

export async function wasServing(
  store: RegistryStore,
  input: { readonly agent: string; readonly at: string | Date },
): Promise<ServingAnswer> {
  const agent = canonicalAgentName(input.agent);
  await requireAgent(store, agent);
  const time = new Date(input.at);
  if (Number.isNaN(time.getTime())) {
    throw new ModelOpsError({
      code: "input/time",
      message: `${JSON.stringify(String(input.at).slice(0, 60))} is not a time.`,
      reason: "wasServing looks up one moment.",
      fix: "pass a Date or ISO 8601 text such as 2026-01-31T12:00:00Z.",
    });
  }
  const { records } = await store.list({
    collection: "pointer-moves",
    agent,
    direction: "descending",
    orderAtMost: moveOrderAtMost(time.toISOString()),
    limit: 1,
  });
  const move = records[0] ? readMove(records[0]) : null;
  return {
    current: move?.after.current ?? null,
    canary: move?.after.canary ?? null,
    since: move?.at ?? null,
    move,
  };
}

/** A record of another part of the library that a version points to; null when it is not in this store. */
export interface LinkedRecord {
  readonly id: string;
  readonly record: Readonly<Record<string, unknown>> | null;
}

/** Where a version comes from and where it went. */
export interface VersionLineage {
  readonly version: ModelVersion;
  /** Nearest first. */
  readonly parents: readonly ModelVersion[];
  /** A parent that is named but not in the registry, or null. */
  readonly missingParent: string | null;
  /** Versions that name this one as parent, newest first (at most 100). */
  readonly children: readonly string[];
  readonly dataset: {
    readonly reference: string;
    readonly fingerprint: string | null;
    readonly rows: number | null;
  };
  readonly baseModel: { readonly id: string; readonly fingerprint: string | null };
  readonly job: LinkedRecord | null;
  readonly evaluations: readonly LinkedRecord[];
  readonly deployments: readonly LinkedRecord[];
  /** Every move of this version, newest first (at most 100). */
  readonly moves: readonly PointerMove[];
}

export async function lineage(store: RegistryStore, agent: string, name: string): Promise<VersionLineage> {
  const version = (await findVersion(store, agent, name)) ?? (await throwUnknownVersion(store, agent, name));
  const { parents, missingParent } = await parentsOf(store, version);
  const linked = async (
    collection: "jobs" | "evaluations" | "deployments",
    id: string,
  ): Promise<LinkedRecord> => ({
    id,
    record: (await store.get(collection, agent, id))?.value ?? null,
  });
  const newest = { agent, direction: "descending", limit: MAX_PARENTS } as const;
  const children = await store.list({ ...newest, collection: "versions", terms: [`parent:${name}`] });
  const moves = await store.list({ ...newest, collection: "pointer-moves", terms: [`version:${name}`] });
  return {
    version,
    parents,
    missingParent,
    children: children.records.map((record) => record.key),
    dataset: {
      reference: version.trainingConfig.trainingDataset,
      fingerprint: version.lineage.datasetFingerprint,
      rows: version.lineage.datasetRows,
    },
    baseModel: { id: version.trainingConfig.baseModel, fingerprint: version.lineage.baseModelFingerprint },
    job: version.jobId === null ? null : await linked("jobs", version.jobId),
    evaluations: await Promise.all(version.lineage.evaluationIds.map((id) => linked("evaluations", id))),
    deployments: await Promise.all(version.lineage.deploymentIds.map((id) => linked("deployments", id))),
    moves: moves.records.map(readMove),
  };
}

async function parentsOf(
  store: RegistryStore,
  version: ModelVersion,
): Promise<{ readonly parents: readonly ModelVersion[]; readonly missingParent: string | null }> {
  const parents: ModelVersion[] = [];
  const seen = new Set([version.version]);
  let name = version.parentVersion;
  while (name !== null && !seen.has(name) && parents.length < MAX_PARENTS) {
    seen.add(name);
    const parent = await findVersion(store, version.agent, name);
    if (!parent) return { parents, missingParent: name };
    parents.push(parent);
    name = parent.parentVersion;
  }
  return { parents, missingParent: null };
}

function readMove(record: StoredRecord): PointerMove {
  return record.value as unknown as PointerMove;
}
