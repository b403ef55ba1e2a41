/** What to do with a running child when this process is told to end. */
export interface HostEndHandler {
  /** Ends the child in good order; the process waits for it. */
  stop(): Promise<void>;
  /** Ends it at once, without waiting: the last thing this process does. */
  stopNow(): void;
}

/**
 * Watches for the end of this process while children run, and at no other time. Ctrl-C always stops them. SIGTERM,
 * SIGHUP and a normal exit stop them only with `everyEnd`, because a service that restarts wants to find its job
 * again. After the children are gone the signal takes its usual course, unless the host has a handler of its own.
 */
export class HostSignals {
  readonly #handlers = new Set<HostEndHandler>();
  readonly #signals: readonly NodeJS.Signals[];
  readonly #everyEnd: boolean;
  #isStopping = false;

  constructor(options: { readonly everyEnd: boolean }) {
    this.#everyEnd = options.everyEnd;
    this.#signals = options.everyEnd ? ["SIGINT", "SIGTERM", "SIGHUP"] : ["SIGINT"];
  }

  /** Returns the function that ends the watch. */
  add(handler: HostEndHandler): () => void {
    if (this.#handlers.size === 0) this.#install();
    this.#handlers.add(handler);
    return () => {
      if (this.#handlers.delete(handler) && this.#handlers.size === 0 && !this.#isStopping) this.#uninstall();
    };
  }

  #install(): void {
    for (const signal of this.#signals) process.on(signal, this.#onSignal);
    if (this.#everyEnd) process.on("exit", this.#onExit);
  }

  #uninstall(): void {
    for (const signal of this.#signals) process.off(signal, this.#onSignal);
    process.off("exit", this.#onExit);
  }

  readonly #onExit = (): void => {
    for (const handler of this.#handlers) handler.stopNow();
  };

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (this.#isStopping) {
      // Asked twice: no more patience.
      for (const handler of this.#handlers) handler.stopNow();
      this.#pass(signal);
      return;
    }
    this.#isStopping = true;
    void Promise.allSettled([...this.#handlers].map((handler) => handler.stop())).then(() => {
      this.#isStopping = false;
      this.#pass(signal);
    });
  };

  #pass(signal: NodeJS.Signals): void {
    this.#uninstall();
    this.#handlers.clear();
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  }
}
