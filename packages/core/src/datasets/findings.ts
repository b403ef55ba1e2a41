/** How much a finding matters: an error keeps the dataset from being trained on. */
export type FindingSeverity = "error" | "warning" | "info";

/** Something a person should know about a dataset, with the places it was seen at. */
export interface DatasetFinding {
  readonly severity: FindingSeverity;
  /** Stable name, such as `empty-field`. */
  readonly code: string;
  readonly message: string;
  readonly fix: string;
  readonly field: string | null;
  /** How many rows it concerns. */
  readonly count: number;
  /** The first places; `sample` is a short piece of the text, never a secret. */
  readonly examples: readonly { readonly line: number; readonly sample: string | null }[];
}

const KEPT_EXAMPLES = 5;
const SAMPLE_LENGTH = 80;

type NewFinding = Omit<DatasetFinding, "count" | "examples" | "field"> & { readonly field?: string | null };

/** Groups what was seen by code and field, so that a million bad rows make one finding. */
export class FindingCollector {
  readonly #findings = new Map<
    string,
    NewFinding & { count: number; examples: { line: number; sample: string | null }[] }
  >();

  add(finding: NewFinding, place?: { readonly line: number; readonly sample?: string | null }): void {
    const key = `${finding.code}\n${finding.field ?? ""}`;
    let known = this.#findings.get(key);
    if (!known) {
      known = { ...finding, count: 0, examples: [] };
      this.#findings.set(key, known);
    }
    known.count += 1;
    if (place && known.examples.length < KEPT_EXAMPLES) {
      known.examples.push({ line: place.line, sample: place.sample == null ? null : shorten(place.sample) });
    }
  }

  get hasErrors(): boolean {
    return [...this.#findings.values()].some((finding) => finding.severity === "error");
  }

  /** Errors first, then warnings; within each in the order they were seen. */
  list(): DatasetFinding[] {
    const order: Record<FindingSeverity, number> = { error: 0, warning: 1, info: 2 };
    return [...this.#findings.values()]
      .map((finding) => ({ ...finding, field: finding.field ?? null }))
      .sort((one, other) => order[one.severity] - order[other.severity]);
  }
}

/** A short piece of a text on one line. */
export function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length > SAMPLE_LENGTH ? `${line.slice(0, SAMPLE_LENGTH - 1)}…` : line;
}
