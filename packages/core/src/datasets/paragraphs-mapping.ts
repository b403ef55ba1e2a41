import { z } from "zod";
import { checkTemplate, compileTemplate } from "./template.ts";

export const paragraphsSchema = z.strictObject({
  paragraphs: z.array(z.string().min(1)).min(1),
  end: z.string().optional(),
});

/** One text of several columns of which some may be empty, such as Alpaca's `instruction` and `input`. */
export interface ParagraphsMapping {
  /** Templates; those whose columns are missing or empty are left out, the others get a blank line between them. */
  readonly paragraphs: readonly string[];
  /** What the text ends with. */
  readonly end?: string;
}

/** Compiles the mapping once; gives the text, or the column that is missing where nothing is left. */
export function compileParagraphs(
  mapping: z.output<typeof paragraphsSchema>,
  field: string,
): (row: Readonly<Record<string, unknown>>) => { readonly value: string } | { readonly missing: string } {
  const templates = mapping.paragraphs.map((template) => {
    checkTemplate(template, field);
    return compileTemplate(template);
  });
  return (row) => {
    const texts: string[] = [];
    let missing: string | null = null;
    for (const template of templates) {
      const made = template(row);
      if ("missing" in made) missing ??= made.missing;
      else if (made.text.trim() !== "") texts.push(made.text);
    }
    if (texts.length === 0 && missing !== null) return { missing };
    return { value: texts.length === 0 ? "" : `${texts.join("\n\n")}${mapping.end ?? ""}` };
  };
}
