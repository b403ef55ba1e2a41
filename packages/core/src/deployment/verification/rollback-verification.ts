import type { RouterHeartbeat } from "../../model/router-records.ts";
import type { RoutingTable, ServedModel } from "../../model/routing-table.ts";
import type { DeployerContext } from "../deployer-context.ts";
import { liveRouters } from "./live-routers.ts";
import { deploymentOf, probeDeployment } from "./probe.ts";

/** Evidence that a rollback has happened. All times are milliseconds from the call to `rollback()`. */
export interface RollbackVerification {
  readonly limitMs: number;
  readonly tablePublishedMs: number;
  readonly generation: number;
  /** Each router that was alive: when it was seen to follow the table, and to have no call left on the removed versions. */
  readonly routers: readonly {
    readonly routerId: string;
    readonly acknowledgedMs: number | null;
    readonly drainedMs: number | null;
  }[];
  /** When the last router acknowledged; null when one did not, or none is known. */
  readonly routersAcknowledgedMs: number | null;
  /** When a test call, routed by the table on disk, was answered; null when it was not. */
  readonly probeAnsweredMs: number | null;
  readonly probeVersion: string | null;
  /** When the last call on a removed version was over; null when that is not known. */
  readonly lastRequestEndedMs: number | null;
  readonly totalMs: number;
  /** True when every part was proven within the limit. */
  readonly complete: boolean;
  /** What is not proven, and why. Empty when complete. */
  readonly missing: readonly string[];
}

interface RouterProof {
  acknowledgedMs: number | null;
  drainedMs: number | null;
  tracksCalls: boolean;
}

/** Waits until every live router follows the table and the removed versions are idle, and probes the version in force. */
export async function verifyRollback(
  context: DeployerContext,
  options: {
    readonly agent: string;
    readonly table: RoutingTable;
    readonly good: ServedModel;
    readonly removed: readonly ServedModel[];
    /** `performance.now()` at the call to `rollback()`. */
    readonly startedMs: number;
    readonly tablePublishedMs: number;
    readonly signal?: AbortSignal;
  },
): Promise<RollbackVerification> {
  const { limitMs } = context.settings.verification;
  const elapsed = () => performance.now() - options.startedMs;
  const missing: string[] = [];
  const [routers, probe] = await Promise.all([
    watchRouters(context, options, elapsed, missing),
    probeThroughTable(context, options, elapsed, missing),
  ]);
  const entries = [...routers].map(([routerId, proof]) => ({ routerId, ...proof }));
  const allAcknowledged = entries.length > 0 && entries.every((entry) => entry.acknowledgedMs !== null);
  const allDrained =
    entries.length > 0 && entries.every((entry) => entry.drainedMs !== null && entry.tracksCalls);
  const untracked = entries.filter((entry) => !entry.tracksCalls).map((entry) => entry.routerId);
  if (untracked.length > 0 && allAcknowledged) {
    missing.push(
      `${untracked.join(", ")} makes its calls outside of wrap(), so the end of its last call is not known`,
    );
  }
  const totalMs = elapsed();
  if (totalMs > limitMs) missing.push(`it took ${Math.round(totalMs)} ms, the limit is ${limitMs} ms`);
  const latest = (times: readonly (number | null)[]) => Math.max(...times.map((time) => time ?? 0));
  return {
    limitMs,
    tablePublishedMs: options.tablePublishedMs,
    generation: options.table.generation,
    routers: entries.map(({ routerId, acknowledgedMs, drainedMs, tracksCalls }) => ({
      routerId,
      acknowledgedMs,
      drainedMs: tracksCalls ? drainedMs : null,
    })),
    routersAcknowledgedMs: allAcknowledged ? latest(entries.map((entry) => entry.acknowledgedMs)) : null,
    probeAnsweredMs: probe.answeredMs,
    probeVersion: probe.version,
    lastRequestEndedMs: allDrained ? latest(entries.map((entry) => entry.drainedMs)) : null,
    totalMs,
    complete: missing.length === 0,
    missing,
  };
}

async function watchRouters(
  context: DeployerContext,
  options: Parameters<typeof verifyRollback>[1],
  elapsed: () => number,
  missing: string[],
): Promise<ReadonlyMap<string, RouterProof>> {
  const { limitMs, pollEveryMs } = context.settings.verification;
  const { store, clock } = context.runtime;
  const proofs = new Map<string, RouterProof>();
  let alive: readonly RouterHeartbeat[] = [];
  for (;;) {
    try {
      alive = await liveRouters(store, clock.now());
    } catch {
      missing.push("the acknowledgements of the routers could not be read from the store");
      return proofs;
    }
    for (const router of alive) note(proofs, router, options, elapsed());
    // A router that died while we waited serves nobody: it has nothing left to prove.
    const living = new Set(alive.map((router) => router.routerId));
    for (const routerId of proofs.keys()) if (!living.has(routerId)) proofs.delete(routerId);
    const open = [...proofs.values()].filter((proof) => !isProven(proof));
    if (open.length === 0) break;
    if (elapsed() > limitMs || options.signal?.aborted) {
      const names = [...proofs].filter(([, proof]) => !isProven(proof)).map(([routerId]) => routerId);
      missing.push(`${names.join(", ")} did not confirm within ${limitMs} ms`);
      return proofs;
    }
    await new Promise((resolve) => setTimeout(resolve, pollEveryMs));
  }
  if (proofs.size === 0)
    missing.push("no router is registered with the store, so only the table itself was checked");
  return proofs;
}

function isProven(proof: RouterProof): boolean {
  return proof.acknowledgedMs !== null && (proof.drainedMs !== null || !proof.tracksCalls);
}

function note(
  proofs: Map<string, RouterProof>,
  router: RouterHeartbeat,
  options: Parameters<typeof verifyRollback>[1],
  elapsedMs: number,
): void {
  const proof = proofs.get(router.routerId) ?? { acknowledgedMs: null, drainedMs: null, tracksCalls: false };
  proofs.set(router.routerId, proof);
  proof.tracksCalls = router.tracksCalls;
  if (router.generation < options.table.generation) return;
  proof.acknowledgedMs ??= elapsedMs;
  const running = router.inFlight[options.agent] ?? {};
  const isIdle = options.removed.every(
    (model) => !running[model.version] || model.version === options.good.version,
  );
  if (isIdle) proof.drainedMs ??= elapsedMs;
}

async function probeThroughTable(
  context: DeployerContext,
  options: Parameters<typeof verifyRollback>[1],
  elapsed: () => number,
  missing: string[],
): Promise<{ readonly answeredMs: number | null; readonly version: string | null }> {
  const table = await context.publisher.onDisk();
  const arms = table?.agents[options.agent]?.arms.filter((arm) => arm.share > 0) ?? [];
  const [arm] = arms;
  if (!arm || arms.length !== 1 || arm.version !== options.good.version) {
    missing.push(`the table on disk does not send every session to ${options.good.version}`);
    return { answeredMs: null, version: arm?.version ?? null };
  }
  try {
    const deployment = await deploymentOf(context, options.agent, arm);
    await probeDeployment(context, deployment, { signal: options.signal });
    return { answeredMs: elapsed(), version: arm.version };
  } catch (error) {
    missing.push(`the test call was not answered: ${error instanceof Error ? error.message : String(error)}`);
    return { answeredMs: null, version: arm.version };
  }
}
