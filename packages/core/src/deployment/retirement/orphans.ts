import { z } from "zod";
import type { DeployTarget, TargetResource } from "../../contract/deploy-target.ts";
import type { RecordPut } from "../../contract/registry-store.ts";
import type { NewEvent } from "../../events/event.ts";
import { hasModel } from "../../model/served-routing.ts";
import { newEvent } from "../../runtime.ts";
import { isoTime } from "../../time/clock.ts";
import type { DeployerContext } from "../deployer-context.ts";
import { DEPLOYER_AGENT, installationOwner } from "../state/installation.ts";

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

export interface TargetSweep {
  readonly target: string;
  readonly orphans: readonly Orphan[];
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
 * removed when it is still unaccounted for after the grace period; while an operation is open on the target nothing is
 * removed, since what it makes is not written down yet.
 */
export async function sweepOrphans(
  context: DeployerContext,
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly TargetSweep[]> {
  const sweeps: TargetSweep[] = [];
  for (const target of context.targets.values()) {
    if (!target.list) continue;
    try {
      sweeps.push({ target: target.id, orphans: await sweepTarget(context, target, options), problem: null });
    } catch (error) {
      options.signal?.throwIfAborted();
      const problem = error instanceof Error ? error.message : String(error);
      sweeps.push({ target: target.id, orphans: [], problem });
    }
  }
  return sweeps;
}

async function sweepTarget(
  context: DeployerContext,
  target: DeployTarget,
  { signal }: { readonly signal?: AbortSignal },
): Promise<readonly Orphan[]> {
  const { runtime, store, settings } = context;
  const owner = await installationOwner(runtime);
  // The books are read after the list: what is made in between is then accounted for.
  const resources = (await target.list?.({ owner, signal })) ?? [];
  const accounted = await accountedFor(context, target.id);
  const isBusy = (await store.openOperations()).some(
    ({ kind, request }) => kind === "deploy" && request?.targetId === target.id,
  );
  const nowMs = runtime.clock.now();
  const known = await knownOrphans(context, target.id);
  const orphans: Orphan[] = [];
  const events: NewEvent[] = [];
  const puts: RecordPut[] = [];
  const gone = new Set(known.keys());
  for (const resource of resources) {
    const { deploymentId, state, costUsdPerHour } = resource;
    if (accounted.has(deploymentId)) continue;
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
    let problem = isDue && isBusy ? "an operation is open on this target" : null;
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
  await writeDown(context, { target: target.id, puts, events, gone: [...gone], orphans });
  return orphans;
}

/** Names that a deployment, or a model in use, accounts for. */
async function accountedFor(context: DeployerContext, targetId: string): Promise<ReadonlySet<string>> {
  const records = await context.store.allDeployments();
  const servings = (await context.store.servings()).filter(hasModel);
  const models = servings.flatMap(({ baseline, canary, history }) => [
    baseline,
    ...(canary ? [canary] : []),
    ...history.map((entry) => entry.model),
  ]);
  const written = records.filter(({ state }) => state !== "removed").map(({ deployment }) => deployment);
  return new Set(
    [...models, ...written].filter((entry) => entry.targetId === targetId).map((entry) => entry.deploymentId),
  );
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
    readonly orphans: readonly Orphan[];
  },
): Promise<void> {
  const { target, puts, events, gone, orphans } = changes;
  if (puts.length === 0 && gone.length === 0 && events.length === 0) return;
  const goneKeys = new Set(gone.map((deploymentId) => orphanKey(target, deploymentId)));
  await context.store.commitShared({
    puts: puts.filter(({ key }) => !goneKeys.has(key)),
    removes: [...goneKeys].map((key) => ({ collection: "deployments" as const, key })),
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
