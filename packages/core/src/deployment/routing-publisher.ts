import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeFileAtomically } from "../files/atomic-write.ts";
import { withFileLock } from "../files/file-lock.ts";
import {
  type AgentRouting,
  buildRoutingTable,
  formatRoutingTable,
  parseRoutingTable,
  type RoutingTable,
} from "../model/routing-table.ts";

const LOCK_TIMEOUT_MS = 10_000;

export interface RoutingPublisherOptions {
  readonly file: string;
  /** The agents' routings as the store has them. */
  readonly desired: () => Promise<Readonly<Record<string, AgentRouting>>>;
}

/**
 * Writes the routing table. Writers take turns by a lock that dies with its holder, and an agent's entry with a higher
 * generation on disk (a rollback made while the store was down) is never overwritten by an older one.
 */
export class RoutingPublisher {
  readonly #options: RoutingPublisherOptions;

  constructor(options: RoutingPublisherOptions) {
    this.#options = options;
  }

  /** Holds the lock that guards the table and the host's configuration. */
  exclusively<Result>(action: () => Promise<Result>): Promise<Result> {
    const path = join(dirname(this.#options.file), ".modelops-routing.lock");
    return withFileLock({ path, timeoutMs: LOCK_TIMEOUT_MS }, action);
  }

  /** The table on disk, null when there is none or it is damaged. */
  async onDisk(): Promise<RoutingTable | null> {
    try {
      return parseRoutingTable(await readFile(this.#options.file, "utf8"));
    } catch {
      return null;
    }
  }

  /** Writes what the store says, with `overrides` in place of what it does not say (yet). */
  publish(overrides: Readonly<Record<string, AgentRouting>> = {}): Promise<RoutingTable> {
    return this.exclusively(async () => {
      await mkdir(dirname(this.#options.file), { recursive: true });
      const disk = await this.onDisk();
      const desired = await this.#options.desired().catch((error: unknown) => {
        // While the store is down, what is on disk is the best knowledge of the other agents.
        if (Object.keys(overrides).length === 0) throw error;
        return disk?.agents ?? {};
      });
      const agents: Record<string, AgentRouting> = { ...desired, ...overrides };
      for (const [agent, routing] of Object.entries(disk?.agents ?? {})) {
        const next = agents[agent];
        if (!next || routing.generation > next.generation) agents[agent] = routing;
      }
      const table = buildRoutingTable(agents);
      if (disk?.sha256 !== table.sha256) {
        await writeFileAtomically(this.#options.file, formatRoutingTable(table));
      }
      return table;
    });
  }
}
