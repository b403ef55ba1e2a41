import { readFile } from "node:fs/promises";
import { z } from "zod";
import { ModelOpsError } from "../../../errors/modelops-error.ts";

/** The rows travel base64-encoded inside one JSON body, which the Space holds in memory several times over. */
const MAX_CSV_BYTES = 50 * 1024 * 1024;

const messageSchema = z.object({ role: z.string(), content: z.string() });
const rowSchema = z.union([
  z.object({ prompt: z.string(), completion: z.string() }),
  z
    .object({ prompt: z.array(messageSchema).length(1), completion: z.array(messageSchema).length(1) })
    .transform(({ prompt, completion }) => ({
      prompt: prompt[0]?.content ?? "",
      completion: completion[0]?.content ?? "",
    })),
  z
    .object({ messages: z.array(messageSchema).length(2) })
    .refine(({ messages: [one, two] }) => one?.role === "user" && two?.role === "assistant")
    .transform(({ messages: [one, two] }) => ({
      prompt: one?.content ?? "",
      completion: two?.content ?? "",
    })),
]);

/**
 * A run's rows as the Space takes them: CSV with the columns `text` and `response`. Texts stay as they are, line breaks
 * and formulas included.
 * @throws ModelOpsError `training/rows-not-offered`, `training/dataset-too-large`
 */
export async function trainingCsv(trainFile: string): Promise<string> {
  const lines = (await readFile(trainFile, "utf8")).split("\n");
  const records = ["text,response"];
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "") continue;
    const row = rowSchema.safeParse(JSON.parse(line));
    if (!row.success) {
      throw new ModelOpsError({
        code: "training/rows-not-offered",
        message: `The Space cannot train on row ${index + 1}: it takes one prompt and one answer per row.`,
        reason:
          "Its CSV has two columns; conversations of several turns, tools and plain text have no place in it.",
        fix: "give rows of prompt and completion, or train with hfJobs().",
        details: { line: index + 1 },
      });
    }
    records.push(`${field(row.data.prompt)},${field(row.data.completion)}`);
  }
  const csv = `${records.join("\r\n")}\r\n`;
  const bytes = Buffer.byteLength(csv);
  if (bytes <= MAX_CSV_BYTES) return csv;
  throw new ModelOpsError({
    code: "training/dataset-too-large",
    message: `The rows have ${bytes} bytes as CSV; a Space takes ${MAX_CSV_BYTES}.`,
    reason: "They travel inside one request.",
    fix: "train on fewer rows, or with hfJobs().",
    details: { bytes, limitBytes: MAX_CSV_BYTES },
  });
}

function field(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
