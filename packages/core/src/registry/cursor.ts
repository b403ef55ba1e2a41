import { ModelOpsError } from "../errors/modelops-error.ts";

/** The place of the last record of a page. */
export interface Position {
  readonly order: string;
  readonly agent: string;
  readonly key: string;
}

export function encodeCursor(position: Position): string {
  return Buffer.from(JSON.stringify([position.order, position.agent, position.key])).toString("base64url");
}

/** @throws ModelOpsError `input/cursor` when the text did not come from `encodeCursor`. */
export function decodeCursor(cursor: string): Position {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
    if (Array.isArray(parts) && parts.length === 3 && parts.every((part) => typeof part === "string")) {
      const [order, agent, key] = parts as [string, string, string];
      return { order, agent, key };
    }
  } catch {
    // Explained below.
  }
  throw new ModelOpsError({
    code: "input/cursor",
    message: `${JSON.stringify(cursor.slice(0, 60))} is not a cursor.`,
    reason: "A cursor is only valid as it came from the page before.",
    fix: "pass nextCursor unchanged, or leave it out to start again.",
  });
}
