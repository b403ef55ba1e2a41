/** One measured figure. */
export interface Figure {
  /** What was measured. */
  readonly name: string;
  readonly value: number;
  /** Such as `ms` or `×`. */
  readonly unit: string;
  /** What the project promises, in words: `≤ 1 ms`. */
  readonly goal?: string;
  /** Whether the goal was reached; left out when there is none. */
  readonly isReached?: boolean;
  readonly note?: string;
}

/** What a bench module writes to: `export async function run(report: BenchReport): Promise<void>`. */
export interface BenchReport {
  figure(figure: Figure): void;
  /** Says that something could not be measured here, and why. */
  skip(name: string, reason: string): void;
  /** A version the figures depend on, such as a peer's. */
  version(name: string, version: string): void;
  note(text: string): void;
}

/** Collects a report and prints it as Markdown. */
export interface CollectedReport extends BenchReport {
  toMarkdown(title: string): string;
}

export function collectReport(onLine: (line: string) => void): CollectedReport {
  const rows: string[] = [];
  const versions: string[] = [];
  const notes: string[] = [];
  const add = (row: string) => {
    rows.push(row);
    onLine(row);
  };
  return {
    figure({ name, value, unit, goal, isReached, note }) {
      const verdict = isReached === undefined ? "" : isReached ? "yes" : "**no**";
      add(`| ${name} | ${rounded(value)} ${unit} | ${goal ?? ""} | ${verdict} | ${note ?? ""} |`);
    },
    skip: (name, reason) => add(`| ${name} | not measured | | | ${reason} |`),
    version: (name, version) => versions.push(`${name} ${version}`),
    note: (text) => notes.push(text),
    toMarkdown(title) {
      const head = ["| what | measured | goal | reached | note |", "|---|---|---|---|---|"];
      const parts = [
        `## ${title}`,
        "",
        versions.length > 0 ? `With ${versions.join(", ")}.\n` : null,
        ...head,
        ...rows,
      ];
      if (notes.length > 0) parts.push("", ...notes);
      return parts.filter((part) => part !== null).join("\n");
    },
  };
}

function rounded(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(3)));
}
