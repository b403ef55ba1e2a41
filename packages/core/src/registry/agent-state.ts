import { z } from "zod";
import type { RecordPut, StoredRecord } from "../contract/registry-store.ts";

/** Key of an agent's one state record in the collection `agents`. */
export const STATE_KEY = "state";
/** The registry's own record (creation time, unknown top-level fields) lives under this name. */
export const REGISTRY_AGENT = "*";

/** What the registry knows of an agent beside its versions: changes with every move, never grows with history. */
export const agentStateSchema = z.object({
  v: z.literal(1),
  /** As the host spells it (`feature-dev`). */
  agentName: z.string(),
  createdAt: z.string(),
  updatedAt: z.string(),
  current: z.string().nullable(),
  canary: z.object({ version: z.string(), share: z.union([z.literal(20), z.literal(50)]) }).nullable(),
  /** Versions that were current before, newest last: what a rollback without a target goes back to. */
  previous: z.array(z.string()),
  /** Pointer moves so far. */
  generation: z.number().int(),
  versionCount: z.number().int(),
  /** `order` of the newest version: the next one sorts after it, also when the clock goes back. */
  lastVersionOrder: z.string(),
  lastMoveAt: z.string(),
  /** The greatest version number given out, also by `nextVersion`. */
  highest: z.object({ major: z.number(), minor: z.number(), patch: z.number() }).nullable(),
  /** Imported pointer entries that differ from the history's entry; shown again on export until something changes. */
  pointerCopies: z.object({ current: z.unknown().optional(), canary: z.unknown().optional() }),
  /** Imported history entries that could not become versions (a version listed twice); exported again as they were. */
  unplaced: z.array(z.unknown()),
  /** Unknown fields of the imported agent. */
  extra: z.record(z.string(), z.unknown()),
});
export type AgentState = z.infer<typeof agentStateSchema>;

export function newAgentState(agentName: string, at: string): AgentState {
  return {
    v: 1,
    agentName,
    createdAt: at,
    updatedAt: at,
    current: null,
    canary: null,
    previous: [],
    generation: 0,
    versionCount: 0,
    lastVersionOrder: "",
    lastMoveAt: "",
    highest: null,
    pointerCopies: {},
    unplaced: [],
    extra: {},
  };
}

export function readAgentState(record: StoredRecord): AgentState {
  return agentStateSchema.parse(record.value);
}

export function statePut(state: AgentState): RecordPut {
  return { collection: "agents", key: STATE_KEY, value: state };
}

/** What belongs to no agent: from the head of an imported `registry.json`. */
export const registryStateSchema = z.object({
  v: z.literal(1),
  createdAt: z.string(),
  /** Unknown top-level fields. */
  extra: z.record(z.string(), z.unknown()),
});

/** The later of two ISO times. */
export function laterTime(left: string, right: string): string {
  if (right > left) return right;
  return left;
}
