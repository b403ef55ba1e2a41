/** Counts the calls that run now, per agent and version: a rollback is over when the bad version's count is zero. */
export class InFlightCalls {
  readonly #counts = new Map<string, Map<string, number>>();
  #isUsed = false;

  /** Called when a version has no calls left. */
  onDrained: () => void = () => {};

  /** Whether calls are made through this router at all, so that an empty count means something. */
  get isUsed(): boolean {
    return this.#isUsed;
  }

  /** From now on an empty count is a statement. */
  use(): void {
    this.#isUsed = true;
  }

  begin(agent: string, version: string): () => void {
    const versions = this.#counts.get(agent) ?? new Map<string, number>();
    this.#counts.set(agent, versions);
    versions.set(version, (versions.get(version) ?? 0) + 1);
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      const left = (versions.get(version) ?? 1) - 1;
      if (left > 0) {
        versions.set(version, left);
        return;
      }
      versions.delete(version);
      this.onDrained();
    };
  }

  snapshot(): Record<string, Record<string, number>> {
    const counts: Record<string, Record<string, number>> = {};
    for (const [agent, versions] of this.#counts) {
      if (versions.size > 0) counts[agent] = Object.fromEntries(versions);
    }
    return counts;
  }
}
