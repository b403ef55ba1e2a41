/** Where labels stand decides how wide a chart must be: beside the marks on a page, above them on a phone. */
export type ChartLayout = "page" | "phone";

export const CHART_LAYOUTS: readonly ChartLayout[] = ["page", "phone"];
