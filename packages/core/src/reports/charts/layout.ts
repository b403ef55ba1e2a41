/** Where labels stand decides how wide a chart must be: beside the marks on a page, above them on a phone. */
export type ChartLayout = "page" | "phone";

export const CHART_LAYOUTS: readonly ChartLayout[] = ["page", "phone"];

/** The longest name of a metric of this library has as many characters. */
const MAX_LABEL_LENGTH = 24;

/** A label that fits beside the marks; the table after the chart has the whole name. */
export function chartLabel(label: string): string {
  return label.length <= MAX_LABEL_LENGTH ? label : `${label.slice(0, MAX_LABEL_LENGTH - 1)}…`;
}
