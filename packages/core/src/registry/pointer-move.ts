import type { RecordPut } from "../contract/registry-store.ts";
import type { Actor } from "../model/actor.ts";
import type { MoveKind, Pointers } from "./lifecycle.ts";

/** One change of who serves an agent, with who did it and why. Never edited, never removed. */
export interface PointerMove {
  readonly agent: string;
  /** Counts the agent's moves from 1. */
  readonly generation: number;
  /** ISO 8601 UTC; never before the move before it, also when the clock went back. */
  readonly at: string;
  readonly kind: MoveKind;
  /** The version the move is about. */
  readonly version: string;
  readonly before: Pointers;
  readonly after: Pointers;
  readonly actor: Actor;
  readonly reason: string | null;
  readonly operationId: string | null;
}

/** Sorts by time, then generation. */
export function movePut(move: PointerMove): RecordPut {
  const number = String(move.generation).padStart(10, "0");
  return {
    collection: "pointer-moves",
    key: number,
    order: `${move.at}/${number}`,
    terms: [`version:${move.version}`, `kind:${move.kind}`],
    value: { ...move },
  };
}

/** Sorts after every move up to and including this time. */
export function moveOrderAtMost(at: string): string {
  return `${at}~`;
}
