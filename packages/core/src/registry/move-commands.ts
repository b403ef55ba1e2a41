import type { DeploymentStatus, ModelVersion } from "../model/model-version.ts";
import { laterTime } from "./agent-state.ts";
import {
  type PlannedMove,
  planCanary,
  planCurrent,
  planPromotion,
  planRollback,
  rollbackTarget,
} from "./lifecycle.ts";
import { movePut, type PointerMove } from "./pointer-move.ts";
import {
  type AgentView,
  changeAgent,
  type RegistryChange,
  type RegistryContext,
} from "./registry-context.ts";
import {
  type AgentChangeInput,
  agentChangeSchema,
  type ChangeOptions,
  canarySchema,
  parseInput,
  type RollbackInput,
  rollbackSchema,
  type SetCanaryInput,
  type VersionChangeInput,
  versionChangeSchema,
} from "./registry-inputs.ts";
import { versionPut } from "./version-record.ts";

export async function setCanary(context: RegistryContext, input: SetCanaryInput): Promise<PointerMove> {
  const parsed = parseInput(canarySchema, input, "setCanary");
  return changeAgent(context, parsed, async (view) => {
    const subject = await view.require(parsed.version);
    return moveChange(view, parsed, planCanary(view.state, subject, parsed.share));
  });
}

export async function promote(context: RegistryContext, input: AgentChangeInput): Promise<PointerMove> {
  const parsed = parseInput(agentChangeSchema, input, "promote");
  return changeAgent(context, parsed, async (view) => {
    const { canary } = view.state;
    const subject = canary ? await view.require(canary.version) : null;
    return moveChange(view, parsed, planPromotion(view.state, subject));
  });
}

export async function setCurrent(context: RegistryContext, input: VersionChangeInput): Promise<PointerMove> {
  const parsed = parseInput(versionChangeSchema, input, "setCurrent");
  return changeAgent(context, parsed, async (view) => {
    const subject = await view.require(parsed.version);
    return moveChange(view, parsed, planCurrent(view.state, subject));
  });
}

export async function rollback(context: RegistryContext, input: RollbackInput): Promise<PointerMove> {
  const parsed = parseInput(rollbackSchema, input, "rollback");
  return changeAgent(context, parsed, async (view) => {
    const name = parsed.to ?? rollbackTarget(view.state);
    const target = name === null ? null : await view.require(name);
    return moveChange(view, parsed, planRollback(view.state, target));
  });
}

async function moveChange(
  view: AgentView,
  input: ChangeOptions,
  planned: PlannedMove,
): Promise<RegistryChange<PointerMove>> {
  const { state } = view;
  const move: PointerMove = {
    agent: view.agent,
    generation: state.generation + 1,
    at: laterTime(view.at, state.lastMoveAt),
    kind: planned.kind,
    version: planned.version,
    before: { current: state.current, canary: state.canary },
    after: planned.pointers,
    actor: view.actor,
    reason: input.reason ?? null,
    operationId: input.operationId ?? null,
  };
  const versions = await Promise.all(
    [...planned.statuses].map(async ([name, status]) =>
      withStatus(await view.require(name), status, move.at),
    ),
  );
  return {
    state: {
      ...state,
      current: planned.pointers.current,
      canary: planned.pointers.canary,
      previous: [...planned.previous],
      generation: move.generation,
      lastMoveAt: move.at,
      pointerCopies: {},
    },
    puts: [...versions.map((version) => versionPut(version)), movePut(move)],
    action: `pointer.${planned.kind}`,
    subject: `${view.agent}@${planned.version}`,
    evidence: { generation: move.generation, before: move.before, after: move.after },
    events: [{ type: "registry.pointer-moved", data: move }],
    // Whoever begins to serve all traffic leaves an anchor.
    isCheckpoint: move.after.current !== move.before.current,
    result: move,
  };
}

/** `deployedAt` is the time the version last began to serve, as a canary or as current. */
function withStatus(version: ModelVersion, status: DeploymentStatus, at: string): ModelVersion {
  const begins = status !== "archived" && status !== "not_deployed";
  return { ...version, deploymentStatus: status, deployedAt: begins ? at : version.deployedAt };
}
