import { setTimeout as sleep } from "node:timers/promises";
import type { CommitBatch, CommitResult, RegistryStore } from "../contract/registry-store.ts";
import { ConflictError } from "../errors/conflict-error.ts";

/** A change worked out from one state of an agent; null = nothing to do. */
export type AgentChange = Omit<CommitBatch, "agent" | "expectedRev">;

export interface UpdateAgentOptions {
  /** Do it only at this revision, once: another one rejects with `ConflictError`. */
  readonly expectedRev?: number;
  readonly signal?: AbortSignal;
}

/**
 * Every conflict is another writer's success, so the crowd as a whole moves on; one writer may lose many rounds of a few
 * milliseconds in a row. Only time tells that something is wrong.
 */
const MAX_WAIT_MS = 10_000;
const MAX_PAUSE_MS = 20;

/** Writers of this process take turns per agent, so that they do not make each other repeat their work. */
const queues = new WeakMap<RegistryStore, Map<string, Promise<unknown>>>();

/**
 * Reads, computes, commits: `compute` sees the agent's revision and reads what it needs; when another writer commits
 * in between, it runs again after a short random pause, for at most 10 seconds.
 * @throws ConflictError when `expectedRev` is another one, or when others came first for the whole time.
 */
export async function updateAgent(
  store: RegistryStore,
  agent: string,
  compute: (rev: number) => Promise<AgentChange | null>,
  options: UpdateAgentOptions = {},
): Promise<CommitResult | null> {
  const waiting = queues.get(store) ?? new Map<string, Promise<unknown>>();
  queues.set(store, waiting);
  const before = waiting.get(agent) ?? Promise.resolve();
  const mine = before.then(() => attempt(store, agent, compute, options));
  const settled = mine.then(
    () => {},
    () => {},
  );
  waiting.set(agent, settled);
  try {
    return await mine;
  } finally {
    if (waiting.get(agent) === settled) waiting.delete(agent);
  }
}

async function attempt(
  store: RegistryStore,
  agent: string,
  compute: (rev: number) => Promise<AgentChange | null>,
  options: UpdateAgentOptions,
): Promise<CommitResult | null> {
  const deadline = performance.now() + MAX_WAIT_MS;
  for (let count = 1; ; count += 1) {
    options.signal?.throwIfAborted();
    const rev = await store.revision(agent);
    if (options.expectedRev !== undefined && options.expectedRev !== rev) {
      throw new ConflictError({ subject: agent, expected: options.expectedRev, actual: rev });
    }
    const isLast = options.expectedRev !== undefined || performance.now() > deadline;
    try {
      const change = await compute(rev);
      if (change === null) return null;
      return await store.commit({ ...change, agent, expectedRev: rev });
    } catch (error) {
      if (isLast) throw error;
      // What `compute` read piece by piece may come from before and after another commit; then its verdict is void.
      const isOvertaken = ConflictError.isInstance(error) || (await store.revision(agent)) !== rev;
      if (!isOvertaken) throw error;
    }
    // Random, so that two writers do not keep meeting; short, because whoever waits longer loses more often.
    await sleep(Math.random() * Math.min(MAX_PAUSE_MS, count), undefined, { signal: options.signal });
  }
}
