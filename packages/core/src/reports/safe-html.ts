import { visibleText } from "./visible-text.ts";

/** HTML whose every inserted value was escaped. */
export class SafeHtml {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }

  toString(): string {
    return this.markup;
  }
}

type Insertable = SafeHtml | string | number | null | false | readonly Insertable[];

/** Template tag: text is escaped, `SafeHtml` and lists of it go in as they are, null and false as nothing. */
export function html(parts: TemplateStringsArray, ...values: readonly Insertable[]): SafeHtml {
  let markup = parts[0] ?? "";
  values.forEach((value, index) => {
    markup += insert(value) + (parts[index + 1] ?? "");
  });
  return new SafeHtml(markup);
}

function insert(value: Insertable): string {
  if (value === null || value === false) return "";
  if (value instanceof SafeHtml) return value.markup;
  if (typeof value === "object") return value.map(insert).join("");
  return escapeHtml(String(value));
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text for HTML and SVG, in elements and in quoted attributes. Control characters are made visible. */
export function escapeHtml(text: string): string {
  return visibleText(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
