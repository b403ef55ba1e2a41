import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type {
  AuditEntry,
  CommitBatch,
  ListRequest,
  RecordPage,
  RecordPut,
  StoredRecord,
} from "../../contract/registry-store.ts";
import { ConflictError } from "../../errors/conflict-error.ts";
import { ModelOpsError } from "../../errors/modelops-error.ts";
import type { ModelOpsEvent, NewEvent } from "../../events/event.ts";
import { writeFileAtomically } from "../../files/atomic-write.ts";
import { SERVING_TERM } from "../../model/served-routing.ts";
import type { Runtime } from "../../runtime.ts";
import { isoTime } from "../../time/clock.ts";
import { DEPLOYER_AGENT } from "./installation.ts";
import {
  type DeploymentRecord,
  deploymentRecordSchema,
  emergencyCopySchema,
  type Operation,
  operationSchema,
  type RolloutRecord,
  rolloutRecordSchema,
} from "./records.ts";
import { SERVING_KEY, type Serving, servingSchema } from "./serving.ts";

const CONFLICT_RETRIES = 30;
const PAGE = 500;

/** An agent's state as one change sees it. */
export interface AgentState {
  readonly serving: Serving | null;
  readonly operation: Operation | null;
  readonly rollout: RolloutRecord | null;
}

/** With the agent's deployments, for changes that depend on them. */
export interface AgentStateWithDeployments extends AgentState {
  readonly deployments: readonly DeploymentRecord[];
}

export interface Change {
  readonly serving?: Serving;
  readonly operations?: readonly Operation[];
  readonly rollout?: RolloutRecord;
  readonly deployments?: readonly DeploymentRecord[];
  readonly audit?: readonly Omit<AuditEntry, "actor">[];
  readonly events?: readonly NewEvent[];
}

/** Reads and changes an agent's deployment state: one atomic commit per change, repeated when somebody was faster. */
export class DeploymentStore {
  readonly #runtime: Runtime;
  readonly #publish: (event: ModelOpsEvent) => void;
  readonly #copyFolder: string;

  constructor(runtime: Runtime, publish: (event: ModelOpsEvent) => void) {
    this.#runtime = runtime;
    this.#publish = publish;
    this.#copyFolder = join(runtime.home, "deployment", "serving");
  }

  async read(agent: string): Promise<AgentState> {
    const { store } = this.#runtime;
    const record = await store.get("deployments", agent, SERVING_KEY);
    const serving = record ? servingSchema.parse(record.value) : null;
    if (!serving) return { serving: null, operation: null, rollout: null };
    const [operation, rollout] = await Promise.all([
      serving.openOperationId ? this.operation(agent, serving.openOperationId) : null,
      this.rollout(agent, serving.rolloutId),
    ]);
    return { serving, operation, rollout };
  }

  async operation(agent: string, operationId: string): Promise<Operation | null> {
    const record = await this.#runtime.store.get("operations", agent, operationId);
    return record ? operationSchema.parse(record.value) : null;
  }

  async rollout(agent: string, rolloutId: string): Promise<RolloutRecord | null> {
    const record = await this.#runtime.store.get("rollouts", agent, rolloutId);
    return record ? rolloutRecordSchema.parse(record.value) : null;
  }

  async deployment(agent: string, deploymentId: string): Promise<DeploymentRecord | null> {
    const record = await this.#runtime.store.get("deployments", agent, `deployment/${deploymentId}`);
    return record ? deploymentRecordSchema.parse(record.value) : null;
  }

  /** Deployments of an agent, by name. */
  async deployments(agent: string): Promise<readonly DeploymentRecord[]> {
    const records = await this.#list({ collection: "deployments", agent, terms: ["deployment"] });
    return records.map((record) => deploymentRecordSchema.parse(record.value));
  }

  /** Every agent's deployments. */
  async allDeployments(): Promise<readonly DeploymentRecord[]> {
    const records = await this.#list({ collection: "deployments", terms: ["deployment"] });
    return records.map((record) => deploymentRecordSchema.parse(record.value));
  }

  /** Operations of any agent that are not over. */
  async openOperations(): Promise<readonly Operation[]> {
    const records = await this.#list({ collection: "operations", terms: ["state:open"] });
    return records.map((record) => operationSchema.parse(record.value));
  }

  /** Every agent's serving state. */
  async servings(): Promise<readonly Serving[]> {
    const records = await this.#list({ collection: "deployments", terms: [SERVING_TERM] });
    return records.map((record) => servingSchema.parse(record.value));
  }

  async #list(request: Pick<ListRequest, "collection" | "agent" | "terms">): Promise<StoredRecord[]> {
    const found: StoredRecord[] = [];
    let cursor: string | null = null;
    do {
      const page: RecordPage = await this.#runtime.store.list({ ...request, limit: PAGE, cursor });
      found.push(...page.records);
      cursor = page.nextCursor;
    } while (cursor);
    return found;
  }

  /**
   * Applies what `change` makes of the present state; null changes nothing. `change` may run several times and must
   * have no side effects.
   */
  update<Result>(
    agent: string,
    change: (state: AgentState, at: string) => { readonly change: Change | null; readonly result: Result },
  ): Promise<Result> {
    return this.#update(agent, () => this.read(agent), change);
  }

  /** As `update`, for a change that also depends on the agent's deployments. */
  updateDeployments<Result>(
    agent: string,
    change: (
      state: AgentStateWithDeployments,
      at: string,
    ) => { readonly change: Change | null; readonly result: Result },
  ): Promise<Result> {
    const read = async () => ({ ...(await this.read(agent)), deployments: await this.deployments(agent) });
    return this.#update(agent, read, change);
  }

  async #update<State, Result>(
    agent: string,
    read: () => Promise<State>,
    change: (state: State, at: string) => { readonly change: Change | null; readonly result: Result },
  ): Promise<Result> {
    const { store, clock, actor } = this.#runtime;
    for (let attempt = 1; ; attempt += 1) {
      const expectedRev = await store.revision(agent);
      const state = await read();
      const at = isoTime(clock);
      const { change: changed, result } = change(state, at);
      if (changed === null) return result;
      try {
        const committed = await store.commit({
          agent,
          expectedRev,
          at,
          puts: putsOf(agent, changed),
          audit: (changed.audit ?? []).map((entry) => ({ ...entry, actor })),
          events: changed.events ?? [],
        });
        if (changed.serving)
          await this.keepCopy(changed.serving, { pending: false, reason: null }).catch(() => {});
        for (const event of committed.events) this.#publish(event);
        return result;
      } catch (error) {
        if (!ConflictError.isInstance(error) || attempt >= CONFLICT_RETRIES) throw error;
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 5 * attempt));
      }
    }
  }

  /** Writes what belongs to no agent: marks, and what was found at targets. Nobody's decision depends on its revision. */
  async commitShared(
    batch: Pick<CommitBatch, "puts" | "removes" | "events"> & {
      readonly audit: readonly Omit<AuditEntry, "actor">[];
    },
  ): Promise<void> {
    const { store, clock, actor } = this.#runtime;
    const committed = await store.commit({
      ...batch,
      agent: DEPLOYER_AGENT,
      expectedRev: null,
      at: isoTime(clock),
      audit: batch.audit.map((entry) => ({ ...entry, actor })),
    });
    for (const event of committed.events) this.#publish(event);
  }

  /** Keeps the state in a file, so that a rollback is possible while the store is not. */
  async keepCopy(
    serving: Serving,
    options: { readonly pending: boolean; readonly reason: string | null },
  ): Promise<void> {
    await mkdir(this.#copyFolder, { recursive: true });
    const text = `${JSON.stringify({ serving, ...options }, null, 2)}\n`;
    await writeFileAtomically(join(this.#copyFolder, `${serving.agent}.json`), text);
  }

  async copy(agent: string): Promise<{ serving: Serving; pending: boolean; reason: string | null } | null> {
    try {
      const text = await readFile(join(this.#copyFolder, `${agent}.json`), "utf8");
      return emergencyCopySchema.parse(JSON.parse(text));
    } catch {
      return null;
    }
  }

  /** Agents that have a copy on disk. */
  async copiedAgents(): Promise<readonly string[]> {
    const names = await readdir(this.#copyFolder).catch((): string[] => []);
    return names.filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -".json".length));
  }
}

function putsOf(agent: string, change: Change): RecordPut[] {
  const puts: RecordPut[] = [];
  if (change.serving) {
    puts.push({ collection: "deployments", key: SERVING_KEY, value: change.serving, terms: [SERVING_TERM] });
  }
  for (const operation of change.operations ?? []) {
    puts.push({
      collection: "operations",
      key: operation.operationId,
      value: operation,
      order: `${operation.startedAt} ${operation.operationId}`,
      terms: [`state:${operation.state}`],
    });
  }
  if (change.rollout) {
    puts.push({
      collection: "rollouts",
      key: change.rollout.rolloutId,
      value: { ...change.rollout, monitor: change.rollout.monitor ?? null },
      order: `${change.rollout.startedAt} ${change.rollout.rolloutId}`,
      terms: [`state:${change.rollout.state}`, "rollout-record"],
    });
  }
  for (const record of change.deployments ?? []) {
    puts.push({
      collection: "deployments",
      key: `deployment/${record.deployment.deploymentId}`,
      value: record,
      terms: ["deployment", `version:${record.deployment.version}`],
    });
  }
  if (puts.length === 0) {
    throw new ModelOpsError({
      code: "deployment/nothing-to-write",
      message: `A change of ${agent} holds nothing to write.`,
      fix: "this is a fault of the library: please report it.",
    });
  }
  return puts;
}
