import type { Context } from "hono";

/** One page of a list and the `Link` header that leads to the next, with an absolute address as clients expect. */
export function page<Item>(
  context: Context,
  items: readonly Item[],
  options: { readonly defaultLimit: number; readonly maxLimit: number; readonly hubUrl: string },
): { readonly items: readonly Item[]; readonly headers: Record<string, string> } {
  const asked = Number(context.req.query("limit") ?? options.defaultLimit);
  const limit = Math.max(
    1,
    Math.min(options.maxLimit, Number.isFinite(asked) ? asked : options.defaultLimit),
  );
  const start = cursorStart(context.req.query("cursor"));
  const end = start + limit;
  const headers: Record<string, string> = {};
  if (end < items.length) {
    const asked = new URL(context.req.url);
    const next = new URL(asked.pathname + asked.search, options.hubUrl);
    next.searchParams.set("cursor", Buffer.from(`from:${end}`).toString("base64url"));
    headers.link = `<${next}>; rel="next"`;
  }
  return { items: items.slice(start, end), headers };
}

function cursorStart(cursor: string | undefined): number {
  if (cursor === undefined) return 0;
  const start = Number(Buffer.from(cursor, "base64url").toString("utf8").replace("from:", ""));
  return Number.isSafeInteger(start) && start >= 0 ? start : 0;
}
