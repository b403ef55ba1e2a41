import type { RegistryStore } from "../contract/registry-store.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { type AgentRouting, buildRoutingTable, type RoutingTable } from "../model/routing-table.ts";
import { hasModel, routingOf, SERVING_TERM, servedRoutingSchema } from "../model/served-routing.ts";
import type { Clock } from "../time/clock.ts";
import { olderTable, type RoutingFollower } from "./routing-follower.ts";

const PAGE = 1000;

export interface StoreFollowerOptions {
  readonly store: RegistryStore;
  readonly pollEveryMs: number;
  readonly clock: Clock;
  /** A new table, once per change. */
  readonly onTable: (table: RoutingTable) => void;
}

/**
 * Follows the serving state in the store, for hosts that share no folder with the deployer. The table made of it is the
 * one that stands on disk elsewhere. While the store is down the last table stays in force.
 */
export class StoreFollower implements RoutingFollower {
  readonly #options: StoreFollowerOptions;
  readonly #stop = new AbortController();
  readonly ready: Promise<void>;
  #sha256: string | null = null;
  #generation = 0;
  #error: ModelOpsError | null = null;

  constructor(options: StoreFollowerOptions) {
    this.#options = options;
    this.ready = this.#read();
    void this.#poll();
  }

  get error(): ModelOpsError | null {
    return this.#error;
  }

  close(): void {
    this.#stop.abort();
  }

  async #poll(): Promise<void> {
    await this.ready;
    for (;;) {
      try {
        await this.#options.clock.sleep(this.#options.pollEveryMs, { signal: this.#stop.signal });
      } catch {
        return;
      }
      await this.#read();
    }
  }

  /** Never rejects. */
  async #read(): Promise<void> {
    try {
      const table = buildRoutingTable(await this.#servings());
      if (this.#stop.signal.aborted) return;
      if (table.generation < this.#generation) throw olderTable(table.generation, this.#generation);
      this.#error = null;
      if (table.sha256 === this.#sha256) return;
      this.#sha256 = table.sha256;
      this.#generation = table.generation;
      this.#options.onTable(table);
    } catch (error) {
      this.#error = ModelOpsError.isInstance(error) ? error : unreadable(error);
    }
  }

  async #servings(): Promise<Readonly<Record<string, AgentRouting>>> {
    const agents: Record<string, AgentRouting> = {};
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<RegistryStore["list"]>> = await this.#options.store.list({
        collection: "deployments",
        terms: [SERVING_TERM],
        limit: PAGE,
        cursor,
      });
      for (const record of page.records) {
        const served = servedRoutingSchema.parse(record.value);
        if (hasModel(served)) agents[served.agent] = routingOf(served);
      }
      cursor = page.nextCursor;
    } while (cursor);
    return agents;
  }
}

function unreadable(cause: unknown): ModelOpsError {
  return new ModelOpsError({
    code: "rollout/table-unreadable",
    message: "The routing cannot be read from the store.",
    reason: cause instanceof Error ? cause.message : String(cause),
    fix: "look after the store; until then the last table stays in force.",
    isRetryable: true,
    cause,
  });
}
