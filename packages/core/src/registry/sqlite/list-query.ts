import type { ListRequest } from "../../contract/registry-store.ts";
import { decodeCursor } from "../cursor.ts";

/** A list as SQL. Every part of the condition is served by one index, so a page costs the same at any length. */
export interface ListQuery {
  readonly sql: string;
  readonly parameters: readonly (string | number)[];
}

export function listQuery(request: ListRequest): ListQuery {
  const terms = [...new Set(request.terms ?? [])];
  const [driver, ...others] = terms;
  const where: string[] = ["d.collection = ?"];
  const parameters: (string | number)[] = [request.collection];
  const add = (condition: string, ...values: string[]) => {
    where.push(condition);
    parameters.push(...values);
  };

  if (request.agent !== undefined) add("d.agent = ?", request.agent);
  if (driver !== undefined) add("d.term = ?", driver);
  if (request.orderAtMost !== undefined) add("d.ord <= ?", request.orderAtMost);
  if (request.orderAtLeast !== undefined) add("d.ord >= ?", request.orderAtLeast);
  const isDescending = request.direction === "descending";
  if (request.cursor) {
    const { order, agent, key } = decodeCursor(request.cursor);
    const comparison = isDescending ? "<" : ">";
    if (request.agent === undefined)
      add(`(d.ord, d.agent, d.key) ${comparison} (?, ?, ?)`, order, agent, key);
    else add(`(d.ord, d.key) ${comparison} (?, ?)`, order, key);
  }
  for (const term of others) {
    add(
      `EXISTS (SELECT 1 FROM terms t WHERE t.collection = d.collection AND t.agent = d.agent AND t.term = ?
        AND t.ord = d.ord AND t.key = d.key)`,
      term,
    );
  }

  const direction = isDescending ? "DESC" : "ASC";
  const columns = request.agent === undefined ? ["ord", "agent", "key"] : ["ord", "key"];
  const sql = `
    SELECT r.collection, r.agent, r.key, r.ord, r.value
    FROM ${driver === undefined ? "records r" : "terms d JOIN records r USING (collection, agent, key)"}
    WHERE ${where.join(" AND ")}
    ORDER BY ${columns.map((column) => `d.${column} ${direction}`).join(", ")}
    LIMIT ?`;
  parameters.push(request.limit + 1);
  return { sql: driver === undefined ? sql.replaceAll("d.", "r.") : sql, parameters };
}
