import { hash as digest } from "node:crypto";
import canonicalize from "canonicalize";
import type { AuditEntry, AuditRow } from "../../contract/registry-store.ts";
import { CORE_VERSION } from "../../version.ts";

/** `prev` of the first row. */
export const GENESIS_HASH = "0".repeat(64);

/** Where a new row goes: after the row with hash `prev`. */
export interface ChainPosition {
  readonly seq: number;
  readonly prev: string;
}

/** SHA-256 of the RFC 8785 form of a row without its `hash`. */
export function auditHash(row: Readonly<Record<string, unknown>>): string {
  const { hash: _hash, ...rest } = row;
  return digest("sha256", canonicalize(rest) ?? "", "hex");
}

/** Makes the next link. A store calls it inside the transaction that writes the change. */
export function sealAuditRow(
  entry: AuditEntry,
  context: ChainPosition & {
    readonly at: string;
    readonly rev: { readonly before: number; readonly after: number };
  },
): AuditRow {
  const row = {
    seq: context.seq,
    at: context.at,
    action: wellFormed(entry.action),
    actor: { type: entry.actor.type, id: wellFormed(entry.actor.id) },
    subject: wellFormed(entry.subject),
    operationId: wellFormed(entry.operationId ?? null),
    reason: wellFormed(entry.reason ?? null),
    evidence: entry.evidence ? (portable(entry.evidence) as Record<string, unknown>) : null,
    rev: { before: context.rev.before, after: context.rev.after },
    sdkVersion: CORE_VERSION,
    prev: context.prev,
  };
  return { ...row, hash: auditHash(row) };
}

/** Half a surrogate pair has no UTF-8 form and so no portable hash. */
function wellFormed<Text extends string | null>(text: Text): Text {
  return (text === null ? null : text.toWellFormed()) as Text;
}

/** Numbers that are not safe integers become strings: their JSON text differs between languages, and so would the hash. */
function portable(value: unknown): unknown {
  if (typeof value === "number") return Number.isSafeInteger(value) ? value : String(value);
  if (typeof value === "string") return value.toWellFormed();
  if (Array.isArray(value)) return value.map(portable);
  if (typeof value === "object" && value !== null) {
    const pairs = Object.entries(value).filter(([, part]) => part !== undefined);
    return Object.fromEntries(pairs.map(([key, part]) => [key.toWellFormed(), portable(part)]));
  }
  return value ?? null;
}
