import type { ModelOpsEvent, NewEvent } from "../events/event.ts";
import type { Actor } from "../model/actor.ts";

/** Collections of records. One agent's records change together under that agent's revision. */
export type Collection =
  | "agents"
  | "versions"
  | "pointer-moves"
  | "jobs"
  | "schedules"
  | "approvals"
  | "evaluations"
  | "evaluation-rows"
  | "deployments"
  | "operations"
  | "rollouts"
  | "router-acknowledgements"
  | "checkpoints";

/** A record to write: whole value, replacing the one under the same key. JSON only. */
export interface RecordPut {
  readonly collection: Collection;
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
  /** Sorts the records of a collection and agent (bytewise). Fixed at the first put of a key; later puts may omit it. */
  readonly order?: string;
  /** Exact terms a list can filter by, such as `status:deployed`. Replaced as a whole on each put. */
  readonly terms?: readonly string[];
}

export interface StoredRecord {
  readonly collection: Collection;
  readonly agent: string;
  readonly key: string;
  readonly order: string;
  readonly value: Readonly<Record<string, unknown>>;
}

/** What is said about a change in the audit chain. No prompts, keys or user text. */
export interface AuditEntry {
  readonly action: string;
  readonly actor: Actor;
  /** `agent@version`, a job or rollout id. */
  readonly subject: string;
  readonly operationId?: string | null;
  readonly reason?: string | null;
  /** Evidence as JSON; numbers that are not integers are kept as strings so that the hash is portable. */
  readonly evidence?: Readonly<Record<string, unknown>>;
}

/** A link of the hash chain: `hash` = SHA-256 of the RFC 8785 JSON of everything else. */
export interface AuditRow extends Required<Omit<AuditEntry, "evidence" | "operationId" | "reason">> {
  readonly seq: number;
  /** ISO 8601 UTC. */
  readonly at: string;
  readonly operationId: string | null;
  readonly reason: string | null;
  readonly evidence: Readonly<Record<string, unknown>> | null;
  /** Agent revision before and after the change. */
  readonly rev: { readonly before: number; readonly after: number };
  readonly sdkVersion: string;
  readonly prev: string;
  readonly hash: string;
}

/** One atomic change: everything in it becomes durable together, or nothing does. */
export interface CommitBatch {
  readonly agent: string;
  /** The agent revision this change was computed from; another one rejects with `ConflictError`. Null = do not check. */
  readonly expectedRev: number | null;
  readonly puts: readonly RecordPut[];
  readonly removes?: readonly { readonly collection: Collection; readonly key: string }[];
  readonly audit?: readonly AuditEntry[];
  readonly events?: readonly NewEvent[];
  /**
   * Keeps the audit chain's length and head, as they are after this batch, as data of this event and as a record of the
   * agent in `checkpoints`: value `{ count, head, at }`, key and order the count in 12 digits. Nothing for an empty chain.
   */
  readonly checkpoint?: Omit<NewEvent, "data">;
  /** A second commit with the same agent and key writes nothing and returns the first one's result. */
  readonly idempotencyKey?: string;
  /** Kept with the idempotency key and given back to the repeated call. JSON only. */
  readonly result?: unknown;
  /** ISO 8601 UTC, from the caller's clock. */
  readonly at: string;
}

export interface CommitResult {
  readonly rev: number;
  /** True when the idempotency key was known: nothing was written now, `events` is empty, `rev` is the first one's. */
  readonly replayed: boolean;
  readonly result: unknown;
  readonly events: readonly ModelOpsEvent[];
}

export interface ListRequest {
  readonly collection: Collection;
  /** All agents when left out. */
  readonly agent?: string;
  /** All of these terms must be present. */
  readonly terms?: readonly string[];
  readonly direction?: "ascending" | "descending";
  /** Only records with `order` up to and including this one. */
  readonly orderAtMost?: string;
  readonly orderAtLeast?: string;
  readonly limit: number;
  /** From the previous page. */
  readonly cursor?: string | null;
}

export interface RecordPage {
  readonly records: readonly StoredRecord[];
  readonly nextCursor: string | null;
}

/**
 * Durable records with compare-and-set on a per-agent revision. Implementations hold no SQLite notions in their
 * surface, so that a shared database can pass the same kit. What `commit` acknowledged survives kill -9; readers see
 * whole commits only; the cost of a commit does not grow with history.
 */
export interface RegistryStore {
  readonly contract: "registry-store/v1";
  /** The agent's revision: 0 before its first commit, +1 with each. */
  revision(agent: string): Promise<number>;
  get(collection: Collection, agent: string, key: string): Promise<StoredRecord | null>;
  list(request: ListRequest): Promise<RecordPage>;
  /** Removes come after puts. A batch puts each record once. */
  commit(batch: CommitBatch): Promise<CommitResult>;
  /** What the commit with this idempotency key gave, null when there was none. */
  committedResult(
    agent: string,
    idempotencyKey: string,
  ): Promise<{ readonly rev: number; readonly result: unknown } | null>;
  /** Appends events that belong to no change (progress). Returns them with their `seq`. */
  appendEvents(events: readonly NewEvent[]): Promise<readonly ModelOpsEvent[]>;
  /** Events with `seq > since`, oldest first. None with a smaller `seq` appears later. */
  events(request: {
    readonly since: number;
    readonly limit: number;
    readonly agent?: string;
    readonly subject?: string;
  }): Promise<readonly ModelOpsEvent[]>;
  /** Greatest event `seq`, 0 when there is none: cheap enough to poll. */
  lastEventSeq(): Promise<number>;
  /** Audit rows with `seq >= since`, oldest first. */
  auditRows(request: { readonly since: number; readonly limit: number }): Promise<readonly AuditRow[]>;
  /** The newest audit row's place: number of rows and its hash. Null when there is none. */
  auditHead(): Promise<{ readonly count: number; readonly hash: string } | null>;
  /** Agents that have had a commit, by name (also names that are no agents, such as `*` for the registry itself). */
  agents(): Promise<readonly string[]>;
  close(): Promise<void>;
}
