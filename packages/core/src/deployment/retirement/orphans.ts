import { z } from "zod";
import type { DeployTarget, TargetResource } from "../../contract/deploy-target.ts";
import type { RecordPut } from "../../contract/registry-store.ts";
import type { NewEvent } from "../../events/event.ts";
import { newEvent } from "../../runtime.ts";
import { isoTime } from "../../time/clock.ts";
import type { DeployerContext } from "../deployer-context.ts";
import { readLeases } from "../lending/serving-lease.ts";
import { DEPLOYER_AGENT, installationOwner } from "../state/installation.ts";
import { accountedFor, isTargetBusy } from "./accounted-for.ts";

/** Something at a service that carries our mark, but that no deployment of ours accounts for. */
export interface Orphan {
  readonly target: string;
  readonly deploymentId: string;
  readonly state: TargetResource["state"];
  readonly costUsdPerHour: number | null;
  readonly firstSeenAt: string;
  /** When it may be removed, ISO 8601. */
  readonly removesAt: string;
  readonly removed: boolean;
  /** Why it could not be removed, or not yet. */
  readonly problem: string | null;
}

/** Something that a process uses outside of any rollout: `ops.model` or `ops.compare` had it made. */
export interface LentDeployment {
  readonly target: string;
  readonly deploymentId: string;
  readonly state: TargetResource["state"];
  readonly costUsdPerHour: number | null;
  readonly agent: string;
  readonly version: string;
  readonly since: string;
}

export interface TargetSweep {
  readonly target: string;
  readonly orphans: readonly Orphan[];
  /** In use by an evaluation or the like; never removed meanwhile. */
  readonly lent: readonly LentDeployment[];
  /** Why the target could not be asked, null when it was. */
  readonly problem: string | null;
}

const orphanSchema = z.object({
  v: z.literal(1),
  target: z.string(),
  deploymentId: z.string(),
  firstSeenAt: z.string(),
});
type OrphanRecord = z.infer<typeof orphanSchema>;

/**
 * Asks every target that can list what is there. What no deployment accounts for is remembered at first sight and
 * removed when it is still unaccounted for after the grace period; while something is being made on the target nothing is
 * removed, since it is not written down yet. What is lent is neither remembered nor removed.
 */
export async function sweepOrphans(
  context: DeployerContext,
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly TargetSweep[]> {
  const sweeps: TargetSweep[] = [];
  for (const target of context.targets.values()) {
    if (!target.list) continue;
    try {
      sweeps.push({ target: target.id, ...(await sweepTarget(context, target, options)), problem: null });
    } catch (error) {
      options.signal?.throwIfAborted();
      const problem = error instanceof Error ? error.message : String(error);
      sweeps.push({ target: target.id, orphans: [], lent: [], problem });
    }
  }
  return sweeps;
}

async function sweepTarget(
  context: DeployerContext,
  target: DeployTarget,
  { signal }: { readonly signal?: AbortSignal },
): Promise<Pick<TargetSweep, "orphans" | "lent">> {
  const { runtime, store, settings } = context;
  const owner = await installationOwner(runtime);
  // The books are read after the list: what is made in between is then accounted for.
  const resources = (await target.list?.({ owner, signal })) ?? [];
  const leases = await readLeases(runtime, target.id);
  const accounted = await accountedFor(store, target.id);
  const isBeingMade = leases.live.some(({ deploymentId }) => deploymentId === null);
  const isBusy = isBeingMade || (await isTargetBusy(store, target.id));
  const nowMs = runtime.clock.now();
  const known = await knownOrphans(context, target.id);
  const orphans: Orphan[] = [];
  const lent: LentDeployment[] = [];
  const events: NewEvent[] = [];
  const puts: RecordPut[] = [];
  const gone = new Set(known.keys());
  for (const resource of resources) {
    const { deploymentId, state, costUsdPerHour } = resource;
    if (accounted.has(deploymentId)) continue;
    const lease = leases.live.find((live) => live.deploymentId === deploymentId);
    if (lease) {
      const { agent, version, since } = lease;
      lent.push({ target: target.id, deploymentId, state, costUsdPerHour, agent, version, since });
      continue;
    }
    gone.delete(deploymentId);
    const firstSeenAt = known.get(deploymentId)?.firstSeenAt ?? isoTime(runtime.clock);
    const data = { target: target.id, deploymentId, costUsdPerHour };
    if (!known.has(deploymentId)) {
      const record: OrphanRecord = { v: 1, target: target.id, deploymentId, firstSeenAt };
      puts.push({
        collection: "deployments",
        key: orphanKey(target.id, deploymentId),
        value: record,
        terms: ["orphan"],
      });
      events.push(orphanEvent(context, "deployment.orphan-found", data));
    }
    const removesAtMs = Date.parse(firstSeenAt) + settings.retirement.orphanGraceMs;
    const isDue = removesAtMs <= nowMs && settings.retirement.action !== "keep";
    let problem = isDue && isBusy ? "something is being made on this target" : null;
    let removed = false;
    if (isDue && problem === null) {
      try {
        await resource.remove({ signal });
        removed = true;
        gone.add(deploymentId);
        events.push(orphanEvent(context, "deployment.orphan-removed", data));
      } catch (error) {
        signal?.throwIfAborted();
        problem = error instanceof Error ? error.message : String(error);
      }
    }
    const removesAt = new Date(removesAtMs).toISOString();
    orphans.push({
      target: target.id,
      deploymentId,
      state,
      costUsdPerHour,
      firstSeenAt,
      removesAt,
      removed,
      problem,
    });
  }
  const { staleKeys } = leases;
  await writeDown(context, { target: target.id, puts, events, gone: [...gone], staleKeys, orphans });
  return { orphans, lent };
}

async function knownOrphans(
  context: DeployerContext,
  targetId: string,
): Promise<ReadonlyMap<string, OrphanRecord>> {
  const { records } = await context.runtime.store.list({
    collection: "deployments",
    agent: DEPLOYER_AGENT,
    terms: ["orphan"],
    limit: 1000,
  });
  const parsed = records.map((record) => orphanSchema.parse(record.value));
  return new Map(
    parsed.filter(({ target }) => target === targetId).map((record) => [record.deploymentId, record]),
  );
}

async function writeDown(
  context: DeployerContext,
  changes: {
    readonly target: string;
    readonly puts: readonly RecordPut[];
    readonly events: readonly NewEvent[];
    readonly gone: readonly string[];
    readonly staleKeys: readonly string[];
    readonly orphans: readonly Orphan[];
  },
): Promise<void> {
  const { target, puts, events, gone, staleKeys, orphans } = changes;
  if ([puts, gone, events, staleKeys].every((list) => list.length === 0)) return;
  const goneKeys = new Set(gone.map((deploymentId) => orphanKey(target, deploymentId)));
  await context.store.commitShared({
    puts: puts.filter(({ key }) => !goneKeys.has(key)),
    removes: [...goneKeys, ...staleKeys].map((key) => ({ collection: "deployments" as const, key })),
    events,
    audit: orphans
      .filter(({ removed }) => removed)
      .map(({ deploymentId, firstSeenAt }) => ({
        action: "deployment.orphan-removed",
        subject: deploymentId,
        reason: "it carries our mark, but no deployment accounts for it",
        evidence: { target, firstSeenAt },
      })),
  });
}

function orphanKey(target: string, deploymentId: string): string {
  return `orphan/${target}/${deploymentId}`;
}

function orphanEvent(
  context: DeployerContext,
  type: "deployment.orphan-found" | "deployment.orphan-removed",
  data: { readonly target: string; readonly deploymentId: string; readonly costUsdPerHour: number | null },
): NewEvent {
  return newEvent(context.runtime, { type, agent: null, subject: data.deploymentId, data });
}
