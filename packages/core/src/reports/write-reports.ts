import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { ComparisonReport } from "../evaluation/comparison-report.ts";
import { comparisonHtml } from "./comparison-html.ts";
import { comparisonMarkdown } from "./comparison-markdown.ts";

/** Absolute or relative paths of the files that were written. */
export interface ReportFiles {
  readonly json: string;
  readonly markdown: string;
  readonly html: string;
}

/** Writes `report.json`, `report.md` and `report.html` into a folder, making it when needed. */
export async function writeReports(report: ComparisonReport, folder: string): Promise<ReportFiles> {
  const files = {
    json: join(folder, "report.json"),
    markdown: join(folder, "report.md"),
    html: join(folder, "report.html"),
  };
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(files.json, `${JSON.stringify(report, null, 2)}\n`);
    await writeFile(files.markdown, comparisonMarkdown(report));
    await writeFile(files.html, comparisonHtml(report));
  } catch (cause) {
    throw new ModelOpsError({
      code: "evaluation/report-not-written",
      message: `The report could not be written to ${folder}.`,
      reason: cause instanceof Error ? `${cause.message}.` : undefined,
      fix: "choose a folder you may write to, on a disk with space left.",
      cause,
    });
  }
  return files;
}
