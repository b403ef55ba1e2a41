import { ModelOpsError } from "../errors/modelops-error.ts";
import type { DeploymentStatus, ModelVersion } from "../model/model-version.ts";
import type { AgentState } from "./agent-state.ts";

/** Who serves an agent. */
export interface Pointers {
  readonly current: string | null;
  readonly canary: { readonly version: string; readonly share: 20 | 50 } | null;
}

export type MoveKind =
  | "canary-started"
  | "canary-raised"
  | "canary-ended"
  | "promoted"
  | "current-set"
  | "rolled-back"
  | "imported";

/** A move worked out but not written: the pointers after it and the status each touched version gets. */
export interface PlannedMove {
  readonly kind: MoveKind;
  /** The version the move is about. */
  readonly version: string;
  readonly pointers: Pointers;
  readonly previous: readonly string[];
  readonly statuses: ReadonlyMap<string, DeploymentStatus>;
}

type Subject = Pick<ModelVersion, "version" | "deploymentStatus" | "deployedAt">;

/** Older ones can still be named in `rollback({ to })`. */
const MAX_PREVIOUS = 100;

const canaryStatus = (share: 20 | 50): DeploymentStatus => (share === 20 ? "canary_20pct" : "canary_50pct");

/** `not_deployed → canary_20pct → canary_50pct`; a step may be skipped, never taken back. */
export function planCanary(state: AgentState, subject: Subject, share: 20 | 50): PlannedMove {
  const { version, deploymentStatus } = subject;
  const running = state.canary;
  if (running && running.version !== version) {
    throw illegal(state, subject, `start a canary of ${version}`, `${running.version} is the canary already`);
  }
  if (running && share <= running.share) {
    const why = `its share is ${running.share} % and only rises`;
    throw illegal(state, subject, `give ${version} a share of ${share} %`, why);
  }
  if (!running && deploymentStatus !== "not_deployed") {
    throw illegal(state, subject, `start a canary of ${version}`, `it is ${deploymentStatus}`);
  }
  return {
    kind: running ? "canary-raised" : "canary-started",
    version,
    pointers: { current: state.current, canary: { version, share } },
    previous: state.previous,
    statuses: new Map([[version, canaryStatus(share)]]),
  };
}

/** The canary becomes current; the version it replaces is archived. */
export function planPromotion(state: AgentState, subject: Subject | null): PlannedMove {
  if (!state.canary || !subject) throw illegal(state, null, "promote", "there is no canary");
  return planSuccession(state, subject, "promoted");
}

/** Straight to current, without a canary: a first version, a baseline, or the running canary itself. */
export function planCurrent(state: AgentState, subject: Subject): PlannedMove {
  const { version, deploymentStatus } = subject;
  if (state.current === version) throw illegal(state, subject, `make ${version} current`, "it is current");
  if (state.canary && state.canary.version !== version) {
    const why = `${state.canary.version} is a canary and is measured against the present current`;
    throw illegal(state, subject, `make ${version} current`, why);
  }
  if (deploymentStatus === "archived")
    throw illegal(state, subject, `make ${version} current`, "it is archived");
  return planSuccession(state, subject, state.canary ? "promoted" : "current-set");
}

function planSuccession(state: AgentState, subject: Subject, kind: MoveKind): PlannedMove {
  const statuses = new Map<string, DeploymentStatus>();
  if (state.current !== null) statuses.set(state.current, "archived");
  statuses.set(subject.version, "deployed");
  return {
    kind,
    version: subject.version,
    pointers: { current: subject.version, canary: null },
    previous:
      state.current === null ? state.previous : [...state.previous, state.current].slice(-MAX_PREVIOUS),
    statuses,
  };
}

/**
 * Traffic goes back. With a canary and no target the canary ends; else the version before the current one returns,
 * or the target. A version that was rolled back from is archived and is never what a later rollback goes to by itself.
 */
export function planRollback(state: AgentState, target: Subject | null): PlannedMove {
  const endsCanary = state.canary !== null && (target === null || target.version === state.current);
  if (state.canary && endsCanary) {
    const { version } = state.canary;
    return {
      kind: "canary-ended",
      version,
      pointers: { current: state.current, canary: null },
      previous: state.previous,
      statuses: new Map([[version, "not_deployed"]]),
    };
  }
  if (target === null) throw illegal(state, null, "roll back", "there is no version before the current one");
  if (target.version === state.current) {
    throw illegal(state, target, `roll back to ${target.version}`, "it is current");
  }
  const hasServed = target.deploymentStatus === "archived" || target.deploymentStatus === "deployed";
  if (!hasServed || target.deployedAt === null) {
    throw illegal(state, target, `roll back to ${target.version}`, "it never served all traffic");
  }
  const statuses = new Map<string, DeploymentStatus>();
  if (state.canary) statuses.set(state.canary.version, "not_deployed");
  if (state.current !== null) statuses.set(state.current, "archived");
  statuses.set(target.version, "deployed");
  const place = state.previous.lastIndexOf(target.version);
  return {
    kind: "rolled-back",
    version: target.version,
    pointers: { current: target.version, canary: null },
    previous: place === -1 ? state.previous : state.previous.slice(0, place),
    statuses,
  };
}

/** What a rollback without `to` returns to; null when it would end a canary or when there is nothing. */
export function rollbackTarget(state: AgentState): string | null {
  return state.canary ? null : (state.previous.at(-1) ?? null);
}

/** Retires a version that serves nobody. */
export function checkArchive(state: AgentState, subject: Subject): void {
  const { version } = subject;
  if (state.current === version) throw illegal(state, subject, `archive ${version}`, "it is current");
  if (state.canary?.version === version)
    throw illegal(state, subject, `archive ${version}`, "it is the canary");
}

function illegal(state: AgentState, subject: Subject | null, attempt: string, why: string): ModelOpsError {
  const legal = legalMoves(state, subject);
  return new ModelOpsError({
    code: "registry/illegal-move",
    message: `Agent ${state.agentName} cannot ${attempt}.`,
    reason: `${why.charAt(0).toUpperCase()}${why.slice(1)}; nothing was changed.`,
    fix: legal.length === 0 ? withoutMoves(state) : `legal now: ${legal.join(", ")}.`,
    details: {
      agent: state.agentName,
      current: state.current,
      canary: state.canary,
      version: subject?.version ?? null,
      status: subject?.deploymentStatus ?? null,
      legalMoves: legal,
    },
  });
}

function withoutMoves(state: AgentState): string {
  return state.versionCount === 0
    ? "add a version first."
    : "name another version: setCanary({ version, share: 20 | 50 }) or setCurrent({ version }).";
}

/** The moves that would be accepted, as one would type them. */
export function legalMoves(state: AgentState, subject: Subject | null): readonly string[] {
  const moves: string[] = [];
  const { canary } = state;
  if (canary) {
    if (canary.share === 20) moves.push(`setCanary({ version: "${canary.version}", share: 50 })`);
    moves.push("promote()", "rollback()");
  } else if (state.previous.length > 0) {
    moves.push("rollback()");
  }
  if (subject && subject.version !== state.current && subject.version !== canary?.version) {
    const name = `version: "${subject.version}"`;
    if (!canary && subject.deploymentStatus === "not_deployed") {
      moves.push(`setCanary({ ${name}, share: 20 | 50 })`);
    }
    if (!canary && subject.deploymentStatus !== "archived") moves.push(`setCurrent({ ${name} })`);
    if (subject.deploymentStatus === "archived" && subject.deployedAt !== null) {
      moves.push(`rollback({ to: "${subject.version}" })`);
    }
    if (subject.deploymentStatus !== "archived") moves.push(`archive({ ${name} })`);
  }
  return moves;
}
