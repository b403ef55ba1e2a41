import { EventEmitter } from "eventemitter3";
import type { EventMap, ModelOpsEvent } from "./event.ts";

/** Called with what a listener threw; the default writes one line to stderr. */
export type ListenerErrorHandler = (error: unknown, event: ModelOpsEvent) => void;

/** The public half: subscribe to a class's events. */
export interface EventSubscriptions<Map extends EventMap> {
  on<Type extends keyof Map & string>(
    type: Type,
    listener: (event: ModelOpsEvent<Type, Map[Type]>) => void | Promise<void>,
  ): () => void;
  once<Type extends keyof Map & string>(
    type: Type,
    listener: (event: ModelOpsEvent<Type, Map[Type]>) => void | Promise<void>,
  ): () => void;
  off<Type extends keyof Map & string>(
    type: Type,
    listener: (event: ModelOpsEvent<Type, Map[Type]>) => void | Promise<void>,
  ): void;
  /** Every event of this class, in order. Returns the function that unsubscribes. */
  onAny(listener: (event: ModelOpsEvent) => void | Promise<void>): () => void;
}

const ANY = "*";

/**
 * Typed events with contained listeners: a listener that throws or rejects is reported and the others still run,
 * because telemetry must not stop a paid training run. `publish` stays inside the class that owns the source.
 */
export class EventSource<Map extends EventMap> implements EventSubscriptions<Map> {
  readonly #emitter = new EventEmitter();
  readonly #wrapped = new WeakMap<object, (event: ModelOpsEvent) => void>();
  readonly #onListenerError: ListenerErrorHandler;

  constructor(options: { readonly onListenerError?: ListenerErrorHandler } = {}) {
    this.#onListenerError =
      options.onListenerError ??
      ((error, event) => {
        process.stderr.write(`modelops: a listener of ${event.type} failed: ${String(error)}\n`);
      });
  }

  on<Type extends keyof Map & string>(
    type: Type,
    listener: (event: ModelOpsEvent<Type, Map[Type]>) => void | Promise<void>,
  ): () => void {
    return this.#subscribe(type, listener as (event: ModelOpsEvent) => void, false);
  }

  once<Type extends keyof Map & string>(
    type: Type,
    listener: (event: ModelOpsEvent<Type, Map[Type]>) => void | Promise<void>,
  ): () => void {
    return this.#subscribe(type, listener as (event: ModelOpsEvent) => void, true);
  }

  off<Type extends keyof Map & string>(
    type: Type,
    listener: (event: ModelOpsEvent<Type, Map[Type]>) => void | Promise<void>,
  ): void {
    const wrapped = this.#wrapped.get(listener);
    if (wrapped) this.#emitter.off(type, wrapped);
  }

  onAny(listener: (event: ModelOpsEvent) => void | Promise<void>): () => void {
    return this.#subscribe(ANY, listener, false);
  }

  /** Delivers one event to its listeners, then to `onAny` listeners. Never throws. */
  publish(event: ModelOpsEvent): void {
    this.#emitter.emit(event.type, event);
    this.#emitter.emit(ANY, event);
  }

  #subscribe(
    type: string,
    listener: (event: ModelOpsEvent) => void | Promise<void>,
    once: boolean,
  ): () => void {
    let wrapped = this.#wrapped.get(listener);
    if (!wrapped) {
      wrapped = (event) => {
        try {
          const result = listener(event);
          if (result instanceof Promise)
            result.catch((error: unknown) => this.#onListenerError(error, event));
        } catch (error) {
          this.#onListenerError(error, event);
        }
      };
      this.#wrapped.set(listener, wrapped);
    }
    const registered = wrapped;
    if (once) this.#emitter.once(type, registered);
    else this.#emitter.on(type, registered);
    return () => {
      this.#emitter.off(type, registered);
    };
  }
}
