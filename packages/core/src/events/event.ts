/**
 * One lifecycle event, as listeners get it and as the store keeps it. JSON only; consumers ignore unknown types.
 * `seq` is the store's global order; it is null for events that are not stored (fast progress).
 */
export interface ModelOpsEvent<Type extends string = string, Data = unknown> {
  readonly v: 1;
  readonly id: string;
  readonly seq: number | null;
  /** ISO 8601 UTC. */
  readonly time: string;
  /** `noun.verb` in the past tense. */
  readonly type: Type;
  readonly agent: string | null;
  /** What it is about: a job id, `agent@version`, a deployment id. */
  readonly subject: string | null;
  readonly data: Data;
}

/** Event types of a class and the data each carries. */
export type EventMap = { readonly [type: string]: unknown };

/** The union of a map's events, discriminated by `type`. */
export type EventOf<Map extends EventMap> = {
  [Type in keyof Map & string]: ModelOpsEvent<Type, Map[Type]>;
}[keyof Map & string];

/** What a store needs to append an event; the store assigns `seq`. */
export type NewEvent = Omit<ModelOpsEvent, "seq">;
