import type { CanaryTick } from "../../statistics/sequential/canary-tick.ts";
import type { DeployerContext } from "../deployer-context.ts";
import type { RolloutRecord } from "../state/records.ts";
import { readSourcedTicks, type SourcedState, withoutSourced } from "./sourced-outcomes.ts";
import type { WatchSettings } from "./watch-options.ts";

/** Asks a watched source from time to time and adds what it tells to what the routers counted. */
export class SourceVisits {
  readonly #context: DeployerContext;
  readonly #watched: NonNullable<WatchSettings["outcomes"]> | null;
  readonly #signal: AbortSignal | undefined;
  #lastMs = Number.NEGATIVE_INFINITY;
  #isCurrent: boolean;

  constructor(context: DeployerContext, options: Pick<WatchSettings, "outcomes" | "signal">) {
    this.#context = context;
    this.#watched = options.outcomes ?? null;
    this.#signal = options.signal;
    this.#isCurrent = this.#watched === null;
  }

  /** False until the source has answered, and after it did not. */
  get isCurrent(): boolean {
    return this.#isCurrent;
  }

  async merge(
    routed: readonly CanaryTick[],
    rollout: RolloutRecord,
    before: SourcedState | null,
  ): Promise<{ readonly ticks: readonly CanaryTick[]; readonly sourced: SourcedState | null }> {
    const watched = this.#watched;
    if (watched === null) return { ticks: routed, sourced: before };
    const ticks = routed.map((tick) => withoutSourced(tick, watched));
    const { clock, logger } = this.#context.runtime;
    const atMs = clock.now();
    if (atMs - this.#lastMs < watched.everyMs) return { ticks, sourced: before };
    this.#lastMs = atMs;
    try {
      const { guardrails } = rollout.plan;
      const told = await readSourcedTicks({
        watched,
        rollout,
        guardrails,
        before,
        atMs,
        signal: this.#signal,
      });
      this.#isCurrent = true;
      return { ticks: [...ticks, ...told.ticks], sourced: told.state };
    } catch (error) {
      this.#signal?.throwIfAborted();
      this.#isCurrent = false;
      logger.warn(`The outcomes of ${watched.source.id} could not be read: ${String(error)}`);
      return { ticks, sourced: before };
    }
  }
}
