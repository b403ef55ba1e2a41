/** Plain JSON about an action: names, numbers, ids. No prompt, answer, key or person. */
export type TracedFacts = Readonly<Record<string, unknown>>;

/** One action of the library as a trace shows it. */
export interface TracedAction<Value> {
  /** `evaluator.compare`, `deployer.rollback` … */
  readonly name: string;
  readonly agent: string | null;
  readonly inputs: TracedFacts;
  /** What came out, as far as it may be shown. */
  outputs(value: Value): TracedFacts;
}

/**
 * Shows actions somewhere else while they run, such as `langSmithTracing()`. Actions inside of an action become its
 * children. A tracer that fails or is slow never fails or delays what it traces.
 */
export interface Tracer {
  /** Runs the action once and gives its own result or error. */
  trace<Value>(action: TracedAction<Value>, run: () => Promise<Value>): Promise<Value>;
  /** Resolves when what was recorded has been sent, or was given up on. May be called again. */
  flush(): Promise<void>;
}
