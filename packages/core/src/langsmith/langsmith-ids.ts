import { createHash } from "node:crypto";

/** A UUID (version 8) that is the same for the same parts: writing twice addresses the same record. */
export function uuidOf(...parts: readonly string[]): string {
  const bytes = createHash("sha256").update(parts.join("\u0000")).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text);
}

/** `20261123T120000000000Z<run id>`: how a trace is ordered. */
export function dottedOrder(startMs: number, runId: string): string {
  return `${new Date(startMs).toISOString().replace(/[-:.]/g, "").slice(0, -1)}000Z${runId}`;
}
