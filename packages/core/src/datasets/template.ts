import { ModelOpsError } from "../errors/modelops-error.ts";

const PLACEHOLDER = /\{\{\s*([^{}]+?)\s*\}\}/g;

/** A compiled template; gives the text, or the name of the column that has no value in this row. */
export type Template = (
  row: Readonly<Record<string, unknown>>,
) => { readonly text: string } | { readonly missing: string };

/** True when a text holds a `{{column}}`. */
export function hasPlaceholder(text: string): boolean {
  return /\{\{\s*[^{}]+?\s*\}\}/.test(text);
}

/**
 * Compiles `Say {{text}}` or `{"tool":"{{intent}}"}`. Nothing is executed: a placeholder is a column name or a path
 * (`slots.city`). When the template is itself JSON, values are escaped so that the result is JSON whatever they hold;
 * a placeholder outside quotes becomes a JSON value.
 */
export function compileTemplate(template: string): Template {
  const parts: { readonly literal: string; readonly path: string | null; readonly isQuoted: boolean }[] = [];
  let at = 0;
  let quotes = 0;
  for (const match of template.matchAll(PLACEHOLDER)) {
    const literal = template.slice(at, match.index);
    quotes += unescapedQuotes(literal);
    parts.push({ literal, path: match[1] ?? "", isQuoted: quotes % 2 === 1 });
    at = match.index + match[0].length;
  }
  parts.push({ literal: template.slice(at), path: null, isQuoted: false });
  const isJson = isJsonTemplate(parts);
  return (row) => {
    let text = "";
    for (const { literal, path, isQuoted } of parts) {
      text += literal;
      if (path === null) continue;
      const value = valueAt(row, path);
      if (value === undefined || value === null) return { missing: path };
      text += !isJson
        ? plainText(value)
        : isQuoted
          ? JSON.stringify(plainText(value)).slice(1, -1)
          : JSON.stringify(value);
    }
    return { text };
  };
}

/** The value of a column, or of a path inside it. Own properties only. */
export function valueAt(row: Readonly<Record<string, unknown>>, path: string): unknown {
  if (Object.hasOwn(row, path)) return row[path];
  let value: unknown = row;
  for (const name of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

function isJsonTemplate(
  parts: readonly { readonly literal: string; readonly path: string | null; readonly isQuoted: boolean }[],
): boolean {
  const sample = parts
    .map((part) => part.literal + (part.path === null || part.isQuoted ? "" : "0"))
    .join("");
  if (!/^\s*[[{]/.test(sample)) return false;
  try {
    JSON.parse(sample);
    return true;
  } catch {
    return false;
  }
}

function unescapedQuotes(text: string): number {
  return (text.replaceAll(/\\./g, "").match(/"/g) ?? []).length;
}

function plainText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Rejects a template whose braces do not match, before it silently becomes text. */
export function checkTemplate(template: string, field: string): void {
  const rest = template.replaceAll(PLACEHOLDER, "");
  if (!/\{\{|\}\}/.test(rest) || isClosedJson(rest)) return;
  throw new ModelOpsError({
    code: "dataset/mapping",
    message: `The mapping of ${field} has a placeholder that is not closed.`,
    reason: `In ${JSON.stringify(template).slice(0, 120)}.`,
    fix: 'write each column as {{name}}, such as "Say {{text}}".',
  });
}

/** Nested JSON objects end in `}}` of their own. */
function isClosedJson(rest: string): boolean {
  return (rest.match(/\{/g) ?? []).length === (rest.match(/\}/g) ?? []).length;
}
