import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

it("docs/events.md names every event type that a class declares, and no other", () => {
  const texts = ["packages/core/src/*/*-events.ts", "packages/core/src/approvals/approval.ts"]
    .flatMap((pattern) => globSync(pattern, { cwd: root }))
    .map((path) => readFileSync(join(root, path), "utf8"));
  const declared = texts.flatMap((text) => captures(text, /^ {2}(?:readonly )?"([a-z]+\.[a-z-]+)": /gm));
  const nouns = [...new Set(declared.map((type) => type.slice(0, type.indexOf("."))))];
  expect(nouns.toSorted()).toEqual([
    "approval",
    "deployment",
    "evaluation",
    "registry",
    "rollout",
    "training",
  ]);

  const page = readFileSync(join(root, "docs/events.md"), "utf8");
  const tables = page.slice(page.indexOf("## Training"));
  const listed = new Set(captures(tables, new RegExp(`\`((?:${nouns.join("|")})\\.[a-z-]+)\``, "g")));
  expect([...listed].toSorted()).toEqual(declared.toSorted());
});

function captures(text: string, pattern: RegExp): readonly string[] {
  return [...text.matchAll(pattern)].map((match) => String(match[1]));
}
