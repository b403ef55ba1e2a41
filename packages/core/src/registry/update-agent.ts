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

/** Conflicts come from other processes only, and each one is another writer's success. */
const MAX_ATTEMPTS = 25;
const MIN_PAUSE_MS = 2;
const MAX_PAUSE_MS = 50;

/** Writers of this process take turns per agent, so that they do not make each other repeat their work. */
const queues = new WeakMap<RegistryStore, Map<string, Promise<unknown>>>();

/**
 * Reads, computes, commits: `compute` sees the agent's revision and reads what it needs; when another writer commits
 * in between, it runs again after a short random pause, at most 25 times.
 * @throws ConflictError when `expectedRev` is another one, or after the last attempt.
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
  for (let count = 1; ; count += 1) {
    options.signal?.throwIfAborted();
    const rev = await store.revision(agent);
    if (options.expectedRev !== undefined && options.expectedRev !== rev) {
      throw new ConflictError({ subject: agent, expected: options.expectedRev, actual: rev });
    }
    const isLast = count === MAX_ATTEMPTS || options.expectedRev !== undefined;
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
    // The wait grows with the crowd, and its length is random, so that two writers do not keep meeting.
    const longest = Math.min(MAX_PAUSE_MS, MIN_PAUSE_MS * 2 ** count);
    await sleep(MIN_PAUSE_MS + Math.random() * (longest - MIN_PAUSE_MS), undefined, {
      signal: options.signal,
    });
  }
}
