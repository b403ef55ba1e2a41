import { join } from "node:path";
import { z } from "zod";
import { ModelOpsError } from "../../errors/modelops-error.ts";
import { tryFileLock } from "../../files/file-lock.ts";
import { newEvent } from "../../runtime.ts";
import { CanaryMonitor, type CanaryMonitorState } from "../../statistics/sequential/canary-monitor.ts";
import type { CanaryReading } from "../../statistics/sequential/canary-reading.ts";
import { type DeployerContext, tryOperationLock } from "../deployer-context.ts";
import { runAdvance, stepChanged } from "../operations/advance.ts";
import { setRolloutState } from "../operations/hold.ts";
import { runRollback } from "../operations/rollback.ts";
import { reconcileAgents } from "../reconcile.ts";
import { rolloutCounters, totalsByGeneration } from "../rollout-totals.ts";
import type { AgentState } from "../state/deployment-store.ts";
import type { RolloutRecord } from "../state/records.ts";
import { liveRouters } from "../verification/live-routers.ts";
import { divideTick } from "./divide-tick.ts";
import { measuredSteps, monitorPlan } from "./monitor-plan.ts";
import { type Consumed, newTicks } from "./new-outcomes.ts";
import { SourceVisits } from "./source-visits.ts";
import { sourcedStateSchema } from "./sourced-outcomes.ts";
import type { WatchSettings } from "./watch-options.ts";

/** How a watched rollout ended, or that there is none. */
export interface WatchResult {
  readonly state: "promoted" | "rolled-back" | "none";
  readonly rolloutId: string | null;
  readonly version: string | null;
  readonly reason: string | null;
}

const storedMonitorSchema = z.object({
  state: z.custom<CanaryMonitorState>((value) => typeof value === "object" && value !== null),
  consumed: z.record(
    z.string(),
    z.custom<Consumed[string]>((value) => typeof value === "object"),
  ),
  noTrafficStep: z.number().int().nullable(),
  sourced: sourcedStateSchema.nullable().default(null),
});
type StoredMonitor = z.infer<typeof storedMonitorSchema>;

/** Openings of one router's breaker within this time that mean: the canary is down, do not wait for statistics. */
const BREAKER_WINDOW_MS = 600_000;
const BREAKER_OPENINGS = 2;

/**
 * Advances a rollout on evidence and takes it back on alarm, until it has ended or the signal aborts. Of many watching
 * processes one decides at a time; all state is in the store, so that another continues where one stopped.
 */
export async function watchRollout(context: DeployerContext, input: WatchSettings): Promise<WatchResult> {
  const { clock, home } = context.runtime;
  const lockPath = join(home, "deployment", "locks", `watch-${input.agent}.lock`);
  let lock = tryFileLock(lockPath);
  const source = new SourceVisits(context, input);
  try {
    for (;;) {
      input.signal?.throwIfAborted();
      lock ??= tryFileLock(lockPath);
      const state = await context.store.read(input.agent);
      const ended = resultOf(state);
      if (ended) return ended;
      if (lock) await lookOnce(context, input, state, source).catch(ignoreOvertaken);
      await clock.sleep(input.everyMs, { signal: input.signal, keepAlive: true });
    }
  } finally {
    lock?.release();
  }
}

function resultOf({ serving, rollout }: AgentState): WatchResult | null {
  if (!rollout || (rollout.endedAt === null && !serving?.canary && !serving?.openOperationId)) {
    return { state: "none", rolloutId: null, version: null, reason: null };
  }
  if (rollout.endedAt === null) return null;
  const state = rollout.state === "promoted" ? "promoted" : "rolled-back";
  return { state, rolloutId: rollout.rolloutId, version: rollout.version, reason: rollout.reason };
}

const OVERTAKEN = new Set([
  "deployment/step-changed",
  "deployment/no-canary",
  "deployment/already-rolled-back",
  "deployment/operation-in-progress",
  "deployment/superseded",
]);

/** Somebody decided in between: the next look starts from what they did. */
function isOvertaken(error: unknown): boolean {
  return ModelOpsError.isInstance(error) && OVERTAKEN.has(error.code);
}

function ignoreOvertaken(error: unknown): void {
  if (!isOvertaken(error)) throw error;
}

async function lookOnce(
  context: DeployerContext,
  input: WatchSettings,
  state: AgentState,
  source: SourceVisits,
): Promise<void> {
  const { rollout, serving } = state;
  const { agent } = input;
  if (serving?.openOperationId) {
    // Its process may have died in the middle, perhaps the very one that watched before.
    if (await isAbandoned(context, agent, serving.openOperationId)) {
      await reconcileAgents(context, { agent, signal: input.signal });
    }
    return;
  }
  if (!rollout || !serving?.canary) return;
  const { reading, stored, isNew } = await measure(context, rollout, source);
  input.onReading?.(reading);
  const breakers = await openedBreakers(context, rollout);
  const isAlarm = reading.verdict === "rollback" || breakers !== null;
  if (isNew) {
    await keepEvidence(context, rollout, stored).catch((error: unknown) => {
      // A store that cannot be written is no reason to leave a bad version in service.
      if (!isAlarm || isOvertaken(error)) throw error;
    });
  }
  if (isAlarm) {
    const reason = breakers ?? reading.reason;
    await runRollback(context, {
      agent,
      to: null,
      from: rollout.version,
      reason,
      kind: "rollback",
      signal: input.signal,
    });
    return;
  }
  // A person (or the plan) said stop: only a person says go.
  if (rollout.state !== "running") return;
  // Silence of a source is no evidence that all is well.
  if (reading.verdict === "promote" && !source.isCurrent) return;
  await act(context, input, rollout, reading, stored);
}

/** Open, and nobody holds its lock. Read anew: it may have ended since the look began. */
async function isAbandoned(context: DeployerContext, agent: string, operationId: string): Promise<boolean> {
  const lock = tryOperationLock(context, operationId);
  if (lock === null) return false;
  lock.release();
  const { serving } = await context.store.read(agent);
  return serving?.openOperationId === operationId;
}

function keepEvidence(
  context: DeployerContext,
  rollout: RolloutRecord,
  monitor: StoredMonitor,
): Promise<void> {
  const { agent, rolloutId } = rollout;
  return context.store.update(agent, (current) => {
    const now = current.rollout;
    if (now?.rolloutId !== rolloutId || now.endedAt !== null) throw stepChanged(agent);
    return { change: { rollout: { ...now, monitor } }, result: undefined };
  });
}

async function act(
  context: DeployerContext,
  input: WatchSettings,
  rollout: RolloutRecord,
  reading: CanaryReading,
  stored: StoredMonitor,
): Promise<void> {
  const { agent, signal } = input;
  if (reading.verdict === "promote") {
    const next = rollout.plan.steps[rollout.stepIndex + 1];
    if (next?.needsApproval) {
      await setRolloutState(
        context,
        agent,
        "awaiting-approval",
        `${next.sharePct} % needs a person's approval.`,
        { onlyWhenRunning: true },
      );
      return;
    }
    await runAdvance(context, {
      agent,
      to: null,
      reason: reading.promotedBy ?? "no-alarm",
      isApproved: false,
      expectedStepIndex: rollout.stepIndex,
      signal,
    });
    return;
  }
  if (reading.verdict === "hold" || reading.verdict === "inconclusive") {
    const stopped = reading.verdict === "hold" ? "held" : "inconclusive";
    // Sessions that are not divided as told are no guardrail's alarm, and nobody can accept them.
    const isAlarm = reading.verdict === "hold" && reading.alarmedMetric !== null;
    const heldBy = isAlarm ? alarmsThatHold(reading) : [];
    await setRolloutState(context, agent, stopped, reading.reason, { onlyWhenRunning: true, heldBy });
  }
  if (reading.verdict === "no-traffic" && stored.noTrafficStep !== rollout.stepIndex) {
    await context.store.update(agent, (current) => {
      if (!current.rollout) throw stepChanged(agent);
      const { rolloutId, version } = rollout;
      const event = newEvent(context.runtime, {
        type: "rollout.no-traffic",
        agent,
        subject: `${agent}@${version}`,
        data: { rolloutId, reason: reading.reason },
      });
      const monitor: StoredMonitor = { ...stored, noTrafficStep: rollout.stepIndex };
      return { change: { rollout: { ...current.rollout, monitor }, events: [event] }, result: undefined };
    });
  }
}

function alarmsThatHold({ guardrails }: CanaryReading): readonly string[] {
  return guardrails
    .filter(({ action, alarmed, acknowledged }) => action === "hold" && alarmed && !acknowledged)
    .map(({ metric }) => metric);
}

/** Feeds the monitor what is new. Its state and what it was fed are stored together, so that nothing counts twice. */
async function measure(
  context: DeployerContext,
  rollout: RolloutRecord,
  source: SourceVisits,
): Promise<{ readonly reading: CanaryReading; readonly stored: StoredMonitor; readonly isNew: boolean }> {
  const now = context.runtime.clock.now();
  const steps = measuredSteps(rollout.plan);
  const step = Math.max(0, steps.indexOf(rollout.stepIndex));
  const stepStartedAtMs = Date.parse(rollout.stepStartedAt);
  const before = rollout.monitor ? storedMonitorSchema.parse(rollout.monitor) : null;
  const monitor = before
    ? CanaryMonitor.restore(before.state)
    : new CanaryMonitor({ plan: monitorPlan(rollout.plan), startedAtMs: stepStartedAtMs });
  for (const metric of rollout.acknowledged) monitor.acknowledge(metric);
  const at = monitor.toJSON();
  const isNewStep = at.stepIndex !== step || at.stepStartedAtMs !== stepStartedAtMs;
  if (isNewStep) monitor.beginStep({ index: step, atMs: stepStartedAtMs });
  const totals = totalsByGeneration(await rolloutCounters(context.runtime.store, rollout.rolloutId));
  const routed = newTicks(totals, before?.consumed ?? {}, rollout.plan.guardrails, now);
  const { ticks, sourced } = await source.merge(routed.ticks, rollout, before?.sourced ?? null);
  for (const tick of ticks) {
    for (const part of divideTick(tick, rollout.rolloutId)) monitor.update(part);
  }
  const reading = monitor.reading(now);
  return {
    reading,
    isNew: before === null || isNewStep || ticks.length > 0,
    stored: {
      state: monitor.toJSON(),
      consumed: routed.consumed,
      noTrafficStep: before?.noTrafficStep ?? null,
      sourced,
    },
  };
}

async function openedBreakers(context: DeployerContext, rollout: RolloutRecord): Promise<string | null> {
  const { store, clock } = context.runtime;
  const since = Math.max(Date.parse(rollout.startedAt), clock.now() - BREAKER_WINDOW_MS);
  for (const router of await liveRouters(store, clock.now())) {
    const recent = (router.breakerOpenings[rollout.agent] ?? []).filter((time) => Date.parse(time) >= since);
    if (recent.length >= BREAKER_OPENINGS) {
      return `The circuit breaker of ${router.routerId} opened ${recent.length} times within 10 minutes.`;
    }
  }
  return null;
}
