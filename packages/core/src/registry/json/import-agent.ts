import { isDeepStrictEqual } from "node:util";
import type { RecordPut } from "../../contract/registry-store.ts";
import type { ModelVersion } from "../../model/model-version.ts";
import type { PublishedAgent, PublishedVersion } from "../../model/registry-json.ts";
import { fromPublished, toPublished } from "../../model/registry-json-mapping.ts";
import type { AgentState } from "../agent-state.ts";
import { movePut, type PointerMove } from "../pointer-move.ts";
import type { AgentView, RegistryChange, Unchanged } from "../registry-context.ts";
import { withNewVersion } from "../version-commands.ts";
import { versionPut } from "../version-record.ts";
import type { UnplacedPart } from "./import-registry.ts";

const KNOWN_FIELDS = new Set(["agent_name", "current", "canary", "history"]);
const KEPT = "It is kept and exported again.";

export interface AgentImport {
  readonly added: readonly string[];
  readonly unchanged: number;
  readonly conflicts: readonly {
    readonly agent: string;
    readonly version: string;
    readonly reason: string;
  }[];
  readonly unplaced: readonly UnplacedPart[];
}

/** Works out one agent's commit: versions in the order of the file, then pointers. */
export async function importAgent(
  view: AgentView,
  name: string,
  published: PublishedAgent,
): Promise<RegistryChange<AgentImport> | Unchanged<AgentImport>> {
  const { agent } = view;
  const extra = Object.fromEntries(Object.entries(published).filter(([field]) => !KNOWN_FIELDS.has(field)));
  const unplaced: UnplacedPart[] = Object.keys(extra).map((field) => ({
    agent,
    version: null,
    field,
    reason: `The published schema does not know this field. ${KEPT}`,
  }));
  let state: AgentState = {
    ...view.state,
    agentName: view.exists ? view.state.agentName : (published.agent_name ?? name),
    extra: { ...extra, ...view.state.extra },
  };
  const fresh = new Map<string, ModelVersion>();
  const conflicts: AgentImport["conflicts"][number][] = [];
  const leftOver: unknown[] = [];
  const puts: RecordPut[] = [];
  let unchanged = 0;

  const take = async (entry: PublishedVersion, field: string) => {
    const { version, unplaced: fields } = fromPublished(agent, entry);
    const stored = fresh.get(version.version) ?? (await view.find(version.version));
    if (stored) {
      if (isSame(stored, version)) unchanged += fresh.has(version.version) ? 0 : 1;
      else if (fresh.has(version.version)) {
        leftOver.push(entry);
        const reason = `The version is listed twice with different content. ${KEPT}`;
        unplaced.push({ agent, version: version.version, field, reason });
      } else {
        conflicts.push({
          agent,
          version: version.version,
          reason: "The registry holds other content; it was kept.",
        });
      }
      return;
    }
    for (const path of fields) {
      const reason = `The published schema does not know this field. ${KEPT}`;
      unplaced.push({ agent, version: version.version, field: path, reason });
    }
    const next = withNewVersion(state, version.version, view.at);
    state = next.state;
    fresh.set(version.version, version);
    puts.push(versionPut(version, next.order));
  };

  for (const [index, entry] of published.history.entries()) await take(entry, `history.${index}`);
  const pointers = await takePointers(view, state, published, { fresh, take, conflicts });
  // A pointer may have added a version of its own.
  state = { ...state, ...pointers.change };
  const added = [...fresh.keys()];
  const newLeftOver = leftOver.filter(
    (entry) => !state.unplaced.some((kept) => isDeepStrictEqual(kept, entry)),
  );
  state = { ...state, unplaced: [...state.unplaced, ...newLeftOver] };

  const result: AgentImport = { added, unchanged, conflicts, unplaced };
  if (view.exists && isDeepStrictEqual(state, view.state)) return { unchanged: result };
  return {
    state,
    puts: [...puts, ...(pointers.move ? [movePut(pointers.move)] : [])],
    action: "registry.import",
    subject: agent,
    evidence: { versions: added.length, current: state.current, canary: state.canary },
    events: [{ type: "registry.imported", data: { versions: added } }],
    result,
  };
}

async function takePointers(
  view: AgentView,
  stateBefore: AgentState,
  published: PublishedAgent,
  parts: {
    readonly fresh: ReadonlyMap<string, ModelVersion>;
    readonly take: (entry: PublishedVersion, field: string) => Promise<void>;
    readonly conflicts: AgentImport["conflicts"][number][];
  },
): Promise<{ readonly change: Partial<AgentState>; readonly move: PointerMove | null }> {
  const { current = null, canary = null } = published;
  const wanted = { current: current?.version ?? null, canary: canary && canaryOf(canary) };
  const present = { current: view.state.current, canary: view.state.canary };
  if (view.state.generation > 0) {
    if (!isDeepStrictEqual(wanted, present)) {
      const reason = "The registry's pointers have moved since; they were kept.";
      parts.conflicts.push({
        agent: view.agent,
        version: wanted.current ?? wanted.canary?.version ?? "",
        reason,
      });
    }
    return { change: {}, move: null };
  }
  const copies: { current?: unknown; canary?: unknown } = {};
  for (const [field, entry] of [
    ["current", current],
    ["canary", canary],
  ] as const) {
    if (!entry) continue;
    const known = parts.fresh.get(entry.version) ?? (await view.find(entry.version));
    if (!known) await parts.take(entry, field);
    else if (!isSame(known, fromPublished(view.agent, entry).version)) copies[field] = entry;
  }
  if (wanted.current === null && wanted.canary === null) return { change: {}, move: null };
  const move: PointerMove = {
    agent: view.agent,
    generation: stateBefore.generation + 1,
    at: view.at,
    kind: "imported",
    version: wanted.canary?.version ?? wanted.current ?? "",
    before: present,
    after: wanted,
    actor: view.actor,
    reason: null,
    operationId: null,
  };
  const change = { ...wanted, pointerCopies: copies, generation: move.generation, lastMoveAt: move.at };
  return { change, move };
}

function canaryOf(entry: PublishedVersion): { readonly version: string; readonly share: 20 | 50 } {
  return { version: entry.version, share: entry.deployment_status === "canary_50pct" ? 50 : 20 };
}

function isSame(left: ModelVersion, right: ModelVersion): boolean {
  return isDeepStrictEqual(plain(left), plain(right));
}

/** As it would be written: without undefined, and without the difference between classes of objects. */
function plain(version: ModelVersion): unknown {
  return JSON.parse(JSON.stringify(toPublished(version))) as unknown;
}
