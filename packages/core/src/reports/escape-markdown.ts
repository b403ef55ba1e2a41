import { visibleText } from "./visible-text.ts";

/** Text for a table cell or a sentence: no table break, no link, no HTML, no mention. */
export function escapeMarkdown(text: string): string {
  return (
    text
      .replace(/\s+/g, " ")
      .replace(/[\\`*_{}[\]()#|~!]/g, "\\$&")
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      // A zero-width joiner keeps chat and code hosts from notifying people.
      .replace(/@(?=\w)/g, "@\u200d")
  );
}

/** Text as a code block whose fence is longer than any run of backticks in it. */
export function codeBlock(text: string, maxLength = 600): string {
  const cut = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
  const shown = visibleText(cut);
  const longest = Math.max(2, ...[...shown.matchAll(/`+/g)].map((run) => run[0].length));
  const fence = "`".repeat(longest + 1);
  return `${fence}text\n${shown}\n${fence}`;
}
