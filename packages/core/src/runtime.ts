import { randomUUID } from "node:crypto";
import type { RegistryStore } from "./contract/registry-store.ts";
import type { ModelOpsEvent } from "./events/event.ts";
import type { ListenerErrorHandler } from "./events/event-source.ts";
import type { Actor } from "./model/actor.ts";
import { type Clock, isoTime, systemClock } from "./time/clock.ts";

/** A logger such as `console`, pino or winston. Silent when left out. */
export interface Logger {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** What the four classes share; `createModelOps` makes one and hands it to each. */
export interface Runtime {
  readonly store: RegistryStore;
  /** Folder for everything the library keeps (`.modelops`). */
  readonly home: string;
  readonly clock: Clock;
  readonly generateId: () => string;
  readonly actor: Actor;
  readonly logger: Logger;
  readonly fetch: typeof globalThis.fetch;
  readonly onListenerError?: ListenerErrorHandler;
}

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Fills what a caller left out of a runtime. */
export function completeRuntime(options: Pick<Runtime, "store" | "home"> & Partial<Runtime>): Runtime {
  return {
    store: options.store,
    home: options.home,
    clock: options.clock ?? systemClock,
    generateId: options.generateId ?? randomUUID,
    actor: options.actor ?? { type: "system", id: "modelops" },
    logger: options.logger ?? silentLogger,
    fetch: options.fetch ?? globalThis.fetch,
    onListenerError: options.onListenerError,
  };
}

/** Makes an event that has not been stored yet. */
export function newEvent<Type extends string, Data>(
  runtime: Pick<Runtime, "clock" | "generateId">,
  event: {
    readonly type: Type;
    readonly agent: string | null;
    readonly subject: string | null;
    readonly data: Data;
  },
): Omit<ModelOpsEvent<Type, Data>, "seq"> {
  return { v: 1, id: runtime.generateId(), time: isoTime(runtime.clock), ...event };
}
