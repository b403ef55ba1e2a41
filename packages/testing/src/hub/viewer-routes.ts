import type { Hono } from "hono";
import { badRequest, HubFailure, refusing } from "./hub-failure.ts";
import type { HubState } from "./hub-state.ts";

/** Rows of a dataset as its viewer shows them: subset → split → rows. */
export type ViewerRows = Readonly<
  Record<string, Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>>
>;

const MAX_ROWS = 100;

/** The dataset viewer, a host of its own at the Hub; here below `/datasets-server`.. */
export function addViewerRoutes(app: Hono, state: HubState): void {
  const shown = (context: Parameters<Parameters<typeof refusing>[0]>[0]) => {
    const name = context.req.query("dataset");
    if (name === undefined) throw badRequest("Parameter 'dataset' is required");
    state.readable("dataset", name, state.accounts.callerOf(context), new URL(context.req.url).origin);
    const rows = state.viewerRows.get(name);
    if (rows) return { name, rows };
    throw new HubFailure(404, "The dataset viewer is not available for this dataset.");
  };
  app.get(
    "/datasets-server/splits",
    refusing((context) => {
      const { name, rows } = shown(context);
      const splits = Object.entries(rows).flatMap(([config, bySplit]) =>
        Object.keys(bySplit).map((split) => ({ dataset: name, config, split })),
      );
      return context.json({ splits, pending: [], failed: [] });
    }),
  );
  app.get(
    "/datasets-server/rows",
    refusing((context) => {
      const { rows } = shown(context);
      const { config = "", split = "", offset = "0", length = String(MAX_ROWS) } = context.req.query();
      if (Number(length) > MAX_ROWS)
        throw new HubFailure(422, `Parameter 'length' must not be greater than ${MAX_ROWS}`);
      const all = rows[config]?.[split];
      if (!all) throw new HubFailure(404, "Not found.");
      const first = Number(offset);
      return context.json({
        features: Object.keys(all[0] ?? {}).map((name, feature_idx) => ({ feature_idx, name, type: {} })),
        rows: all
          .slice(first, first + Number(length))
          .map((row, index) => ({ row_idx: first + index, row, truncated_cells: cutCells(row) })),
        num_rows_total: all.length,
        num_rows_per_page: MAX_ROWS,
        partial: false,
      });
    }),
  );
}

const MAX_CELL_LENGTH = 100_000;

function cutCells(row: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(row).filter((name) => (JSON.stringify(row[name]) ?? "").length > MAX_CELL_LENGTH);
}
