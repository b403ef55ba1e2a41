import { hash } from "node:crypto";
import canonicalize from "canonicalize";
import type { RecordPut, RegistryStore } from "../contract/registry-store.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { NewEvent } from "../events/event.ts";
import type { EventSource } from "../events/event-source.ts";
import type { Actor } from "../model/actor.ts";
import { canonicalAgentName, isAgentName, PRESET_AGENTS } from "../model/agent-name.ts";
import type { ModelVersion } from "../model/model-version.ts";
import { newEvent, type Runtime } from "../runtime.ts";
import { isoTime } from "../time/clock.ts";
import { type AgentState, newAgentState, readAgentState, STATE_KEY, statePut } from "./agent-state.ts";
import type { RegistryEvents } from "./registry-events.ts";
import type { ChangeOptions } from "./registry-inputs.ts";
import { updateAgent } from "./update-agent.ts";
import { readVersion } from "./version-record.ts";

/** What the registry's parts share. */
export interface RegistryContext {
  readonly runtime: Runtime;
  readonly store: RegistryStore;
  readonly events: EventSource<RegistryEvents>;
  /** Called after each commit of this registry. */
  readonly onCommit: () => void;
}

/** An agent as one attempt of a change sees it. */
export interface AgentView {
  readonly agent: string;
  readonly state: AgentState;
  /** False before the agent's first record. */
  readonly exists: boolean;
  readonly at: string;
  readonly actor: Actor;
  find(version: string): Promise<ModelVersion | null>;
  /** @throws ModelOpsError `registry/unknown-version`. */
  require(version: string): Promise<ModelVersion>;
}

/** What a change writes, beside the audit row and the event that name it. */
export interface RegistryChange<Result> {
  readonly state: AgentState;
  readonly puts: readonly RecordPut[];
  /** Such as `version.add`. */
  readonly action: string;
  readonly subject: string;
  readonly evidence?: Readonly<Record<string, unknown>>;
  readonly events: readonly {
    [Type in keyof RegistryEvents]: { readonly type: Type; readonly data: RegistryEvents[Type] };
  }[keyof RegistryEvents][];
  /** Keep the audit chain's head as an anchor, for changes that decide who serves. */
  readonly isCheckpoint?: boolean;
  readonly result: Result;
}

/** Nothing to write: the state asked for is there already. */
export interface Unchanged<Result> {
  readonly unchanged: Result;
}

interface ChangeInput extends ChangeOptions {
  readonly agent: string;
}

/** Runs one change under compare-and-set, with audit row, events, idempotency and export. */
export async function changeAgent<Result>(
  context: RegistryContext,
  input: ChangeInput,
  compute: (view: AgentView) => Promise<RegistryChange<Result> | Unchanged<Result>>,
): Promise<Result> {
  const { store, runtime } = context;
  const agent = canonicalAgentName(input.agent);
  const { idempotencyKey, expectedRev, signal } = input;
  const fingerprint = idempotencyKey === undefined ? null : inputFingerprint(input);
  const known = await repeatedResult<Result>(store, agent, idempotencyKey, fingerprint);
  if (known) return known.value;

  let unchanged: { readonly value: Result } | null = null;
  try {
    const committed = await updateAgent(
      store,
      agent,
      async () => {
        const view = await viewOf(context, agent, input);
        const change = await compute(view);
        if ("unchanged" in change) {
          unchanged = { value: change.unchanged };
          return null;
        }
        return {
          at: view.at,
          puts: [...change.puts, statePut({ ...change.state, updatedAt: view.at })],
          audit: [
            {
              action: change.action,
              actor: view.actor,
              subject: change.subject,
              operationId: input.operationId ?? null,
              reason: input.reason ?? null,
              evidence: change.evidence,
            },
          ],
          events: change.events.map((event) =>
            newEvent(runtime, { type: event.type, agent, subject: change.subject, data: event.data }),
          ),
          checkpoint: change.isCheckpoint ? checkpointEvent(runtime) : undefined,
          idempotencyKey,
          result: { fingerprint, value: change.result },
        };
      },
      { expectedRev, signal },
    );
    if (committed === null) return (unchanged as unknown as { readonly value: Result }).value;
    for (const event of committed.events) context.events.publish(event);
    context.onCommit();
    if (committed.replayed) checkFingerprint(committed.result, fingerprint, idempotencyKey);
    return (committed.result as { readonly value: Result }).value;
  } catch (error) {
    // The first call with this key may have finished while this one was working, and made it look illegal.
    const first = await repeatedResult<Result>(store, agent, idempotencyKey, fingerprint);
    if (first) return first.value;
    throw error;
  }
}

function checkpointEvent(runtime: Runtime): Omit<NewEvent, "data"> {
  const { data: _data, ...event } = newEvent(runtime, {
    type: "registry.checkpointed",
    agent: null,
    subject: null,
    data: null,
  });
  return event;
}

async function viewOf(context: RegistryContext, agent: string, input: ChangeInput): Promise<AgentView> {
  const { store, runtime } = context;
  const at = isoTime(runtime.clock);
  const record = await store.get("agents", agent, STATE_KEY);
  const state = record ? readAgentState(record) : newAgentState(input.agent, at);
  const find = (version: string) => findVersion(store, agent, version);
  return {
    agent,
    state,
    exists: record !== null,
    at,
    actor: input.actor ?? runtime.actor,
    find,
    require: async (version) => (await find(version)) ?? (await throwUnknownVersion(store, agent, version)),
  };
}

export async function findVersion(
  store: RegistryStore,
  agent: string,
  version: string,
): Promise<ModelVersion | null> {
  const record = await store.get("versions", agent, version);
  return record ? readVersion(record) : null;
}

export async function readState(store: RegistryStore, agent: string): Promise<AgentState | null> {
  const record = await store.get("agents", agent, STATE_KEY);
  return record ? readAgentState(record) : null;
}

/** Names what there is, so that a typo can be seen. */
export async function throwUnknownVersion(
  store: RegistryStore,
  agent: string,
  version: string,
): Promise<never> {
  await requireAgent(store, agent);
  const { records } = await store.list({ collection: "versions", agent, direction: "descending", limit: 5 });
  const newest = records.map((record) => record.key);
  throw new ModelOpsError({
    code: "registry/unknown-version",
    message: `Agent ${agent} has no version ${JSON.stringify(version.slice(0, 80))}.`,
    reason:
      newest.length === 0 ? "It has no version at all." : `Its newest versions are ${newest.join(", ")}.`,
    fix: "name one of them, or see listVersions for the others.",
    details: { agent, version: version.slice(0, 200), newest },
  });
}

/** Refuses an agent nobody has heard of; the preset agents are known before their first version. */
export async function requireAgent(store: RegistryStore, agent: string): Promise<void> {
  if ((PRESET_AGENTS as readonly string[]).includes(agent)) return;
  if ((await readState(store, agent)) !== null) return;
  const known = (await store.agents()).filter(isAgentName).slice(0, 20);
  throw new ModelOpsError({
    code: "registry/unknown-agent",
    message: `The registry knows no agent ${agent}.`,
    reason: known.length === 0 ? "It holds no agent yet." : `It knows ${known.join(", ")}.`,
    fix: "correct the name, or add a version of it first.",
    details: { agent, known },
  });
}

async function repeatedResult<Result>(
  store: RegistryStore,
  agent: string,
  idempotencyKey: string | undefined,
  fingerprint: string | null,
): Promise<{ readonly value: Result } | null> {
  if (idempotencyKey === undefined) return null;
  const first = await store.committedResult(agent, idempotencyKey);
  if (!first) return null;
  checkFingerprint(first.result, fingerprint, idempotencyKey);
  return first.result as { readonly value: Result };
}

function checkFingerprint(
  stored: unknown,
  fingerprint: string | null,
  idempotencyKey: string | undefined,
): void {
  if ((stored as { readonly fingerprint?: unknown }).fingerprint === fingerprint) return;
  throw new ModelOpsError({
    code: "registry/idempotency-mismatch",
    message: `The idempotency key ${JSON.stringify(idempotencyKey)} was used for another change.`,
    reason: "The same key must come with the same input; nothing was changed.",
    fix: "use a new key for a new change.",
  });
}

/** What the change is, without who asks and when: a retry may come from another process. */
function inputFingerprint(input: ChangeInput): string {
  const { signal, idempotencyKey, expectedRev, actor, reason, operationId, ...what } = input;
  return hash("sha256", canonicalize({ ...what, agent: canonicalAgentName(input.agent) }) ?? "", "hex");
}
