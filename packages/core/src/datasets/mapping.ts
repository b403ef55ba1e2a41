import { z } from "zod";
import { parseOrThrow } from "../errors/from-zod.ts";
import { compileParagraphs, type ParagraphsMapping, paragraphsSchema } from "./paragraphs-mapping.ts";
import { checkTemplate, compileTemplate, hasPlaceholder, type Template, valueAt } from "./template.ts";
import { compileTurns, type TurnsMapping, turnsSchema } from "./turns-mapping.ts";

/**
 * How a field is made: a column's name or path, a template with `{{column}}`, a list of messages of templates, a list of turns
 * that names its parts otherwise, or paragraphs of which some may be missing.
 */
export type MappingValue = string | readonly MappingNode[] | TurnsMapping | ParagraphsMapping;

interface MappingNode {
  readonly role: string;
  readonly content: string;
}

/**
 * Says which columns become which fields, such as `{ prompt: "text", completion: '{"tool":"{{intent}}"}' }`.
 * `messages`, `prompt`, `completion`, `chosen` and `rejected` may also be a list of `{ role, content }` templates.
 */
export type FieldMapping = Readonly<Record<string, MappingValue>>;

const messageSchema = z.strictObject({
  role: z.enum(["system", "user", "assistant", "tool"]),
  content: z.string(),
});

/** GRPO rows carry further columns for their rewards, so other names are allowed. */
export const fieldMappingSchema = z
  .record(
    z.string().regex(/^(?!__proto__$)[A-Za-z_]\w{0,63}$/, "must be a plain field name"),
    z.union([z.string().min(1), z.array(messageSchema).min(1), turnsSchema, paragraphsSchema]),
  )
  .refine((mapping) => Object.keys(mapping).length > 0, "must name at least one field");

/** A row's mapped fields, or the column that it lacks. */
export type MappedRow =
  | { readonly value: Readonly<Record<string, unknown>> }
  | { readonly field: string; readonly missing: string };

export type RowMapper = (row: Readonly<Record<string, unknown>>) => MappedRow;

/** Compiles a mapping once, for use on every row. Only the named fields are in the result. */
export function compileMapping(mapping: FieldMapping): RowMapper {
  const checked = parseOrThrow(fieldMappingSchema, mapping, {
    code: "dataset/mapping",
    subject: "The field mapping",
    fix: 'write fields and where they come from, such as { prompt: "text", completion: "answer" }.',
  });
  const fields = Object.entries(checked).map(([field, value]) => ({
    field,
    make: compileValue(value, field),
  }));
  return (row) => {
    const result: Record<string, unknown> = {};
    for (const { field, make } of fields) {
      const made = make(row);
      if ("missing" in made) return { field, missing: made.missing };
      result[field] = made.value;
    }
    return { value: result };
  };
}

type Maker = (
  row: Readonly<Record<string, unknown>>,
) => { readonly value: unknown } | { readonly missing: string };

function compileValue(value: z.output<typeof fieldMappingSchema>[string], field: string): Maker {
  if (typeof value === "string") {
    checkTemplate(value, field);
    if (hasPlaceholder(value)) return textMaker(compileTemplate(value));
    return (row) => {
      const found = valueAt(row, value);
      return found === undefined || found === null ? { missing: value } : { value: found };
    };
  }
  if ("paragraphs" in value) return compileParagraphs(value, field);
  if ("turns" in value) {
    const make = compileTurns(value);
    return (row) => {
      const messages = make(row);
      return messages === null ? { missing: value.turns } : { value: messages };
    };
  }
  const messages = value.map((message) => {
    checkTemplate(message.content, field);
    return { role: message.role, make: textMaker(compileTemplate(message.content)) };
  });
  return (row) => {
    const made: unknown[] = [];
    for (const { role, make } of messages) {
      const content = make(row);
      if ("missing" in content) return content;
      made.push({ role, content: content.value });
    }
    return { value: made };
  };
}

function textMaker(template: Template): Maker {
  return (row) => {
    const made = template(row);
    return "missing" in made ? made : { value: made.text };
  };
}
