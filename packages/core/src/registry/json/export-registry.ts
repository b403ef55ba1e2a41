import { setImmediate } from "node:timers/promises";
import type { RegistryStore } from "../../contract/registry-store.ts";
import { isAgentName } from "../../model/agent-name.ts";
import type { ModelVersion } from "../../model/model-version.ts";
import type { PublishedAgent, PublishedVersion, RegistryJson } from "../../model/registry-json.ts";
import { toPublished } from "../../model/registry-json-mapping.ts";
import { type AgentState, REGISTRY_AGENT, registryStateSchema, STATE_KEY } from "../agent-state.ts";
import { findVersion, readState } from "../registry-context.ts";
import { readVersion } from "../version-record.ts";

const SCHEMA_VERSION = "1.0.0";
const PAGE_RECORDS = 200;
/** Another process may commit while an agent is read; then it is read again. */
const MAX_READS = 10;

/** The registry in the published schema. */
export async function exportRegistry(store: RegistryStore, now: string): Promise<RegistryJson> {
  const states = await agentStates(store);
  const agents: Record<string, PublishedAgent> = {};
  for (const { agent, state } of states) agents[state.agentName] = await readWholeAgent(store, agent, state);
  return { ...(await head(store, states, now)), agents };
}

/**
 * The same as text, a page of versions at a time, so that memory does not grow with history. A commit in between can
 * show in one part and not in another: whoever writes this to a file does it again after that commit.
 */
export async function* registryJsonText(
  store: RegistryStore,
  now: string,
): AsyncGenerator<string, void, undefined> {
  const states = await agentStates(store);
  const { generation, ...rest } = await head(store, states, now);
  // First, so that a look at the first bytes tells how old the file is.
  const headText = JSON.stringify({ generation, ...rest }, null, 2);
  yield `${headText.slice(0, -2)},\n  "agents": {`;
  for (const [index, { agent, state }] of states.entries()) {
    const { history, ...pointers } = await agentHead(store, agent, state);
    const text = indented(JSON.stringify(pointers, null, 2), 4);
    yield `${index === 0 ? "" : ","}\n    ${JSON.stringify(state.agentName)}: ${text.slice(0, -6)},\n      "history": [`;
    let isFirst = true;
    for await (const page of historyPages(store, agent, state)) {
      const texts = page.map((version) => `        ${indented(JSON.stringify(version, null, 2), 8)}`);
      if (texts.length > 0) yield `${isFirst ? "" : ","}\n${texts.join(",\n")}`;
      isFirst &&= texts.length === 0;
      // The store may be synchronous inside: let others have the event loop.
      await setImmediate();
    }
    yield `${isFirst ? "" : "\n      "}]\n    }`;
  }
  yield `${states.length === 0 ? "" : "\n  "}}\n}\n`;
}

type Head = Pick<RegistryJson, "generation" | "created_at" | "updated_at" | "version">;

interface NamedState {
  readonly agent: string;
  readonly state: AgentState;
}

async function agentStates(store: RegistryStore): Promise<readonly NamedState[]> {
  const found: NamedState[] = [];
  for (const agent of await store.agents()) {
    if (!isAgentName(agent)) continue;
    const state = await readState(store, agent);
    if (state) found.push({ agent, state });
  }
  return found;
}

async function head(store: RegistryStore, states: readonly NamedState[], now: string): Promise<Head> {
  const record = await store.get("agents", REGISTRY_AGENT, STATE_KEY);
  const own = record ? registryStateSchema.parse(record.value) : null;
  const created = states.map(({ state }) => state.createdAt).sort();
  const updated = states.map(({ state }) => state.updatedAt).sort();
  return {
    generation: await store.lastEventSeq(),
    created_at: own?.createdAt ?? created[0] ?? now,
    updated_at: updated.at(-1) ?? now,
    version: SCHEMA_VERSION,
    ...own?.extra,
  };
}

async function agentHead(store: RegistryStore, agent: string, state: AgentState): Promise<PublishedAgent> {
  const find = async (name: string | null) => (name === null ? null : findVersion(store, agent, name));
  const current = await find(state.current);
  const canary = await find(state.canary?.version ?? null);
  const { pointerCopies } = state;
  return {
    ...state.extra,
    agent_name: state.agentName,
    current: (pointerCopies.current as PublishedVersion | undefined) ?? publishedOrNull(current),
    canary: (pointerCopies.canary as PublishedVersion | undefined) ?? publishedOrNull(canary),
    history: [],
  };
}

/** Oldest first; what an import could not place comes last. */
async function* historyPages(
  store: RegistryStore,
  agent: string,
  state: AgentState,
): AsyncGenerator<readonly PublishedVersion[], void, undefined> {
  let cursor: string | null = null;
  do {
    const request = { collection: "versions", agent, limit: PAGE_RECORDS, cursor } as const;
    const page: Awaited<ReturnType<RegistryStore["list"]>> = await store.list(request);
    yield page.records.map((record) => toPublished(readVersion(record)));
    cursor = page.nextCursor;
  } while (cursor !== null);
  yield state.unplaced as PublishedVersion[];
}

async function readWholeAgent(
  store: RegistryStore,
  agent: string,
  first: AgentState,
): Promise<PublishedAgent> {
  for (let reads = 1; ; reads += 1) {
    const rev = await store.revision(agent);
    const state = (await readState(store, agent)) ?? first;
    const published = await agentHead(store, agent, state);
    const history: PublishedVersion[] = [];
    for await (const page of historyPages(store, agent, state)) history.push(...page);
    if (reads === MAX_READS || (await store.revision(agent)) === rev) return { ...published, history };
  }
}

function publishedOrNull(version: ModelVersion | null): PublishedVersion | null {
  return version ? toPublished(version) : null;
}

function indented(json: string, spaces: number): string {
  return json.replaceAll("\n", `\n${" ".repeat(spaces)}`);
}
