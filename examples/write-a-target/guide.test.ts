import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const here = import.meta.dirname;
const guide = readFileSync(join(here, "../../docs/write-a-target.md"), "utf8");

/** The files of the guide: a name in bold, then its text in a fence. */
const shown = new Map(
  [...guide.matchAll(/^\*\*`([\w.-]+)`\*\*.*\n\n```\w+\n([\s\S]*?)^```$/gm)].map(
    ([, name = "", text = ""]) => [name, text],
  ),
);

it("shows every file of this folder as it is", () => {
  const files = readdirSync(here).filter((name) => name !== "guide.test.ts");
  expect([...shown.keys()].filter((name) => name.endsWith(".ts")).sort()).toEqual(files.sort());
  for (const name of files) expect(shown.get(name), name).toBe(readFileSync(join(here, name), "utf8"));
});

it("names the packages and versions that the files are tested with", () => {
  const described = JSON.parse(shown.get("package.json") ?? "{}");
  const used = packagesOf(
    "vllm-loras.test.ts",
    "vllm-loras.ts",
    "vllm-loras-api.ts",
    "vllm-loras-options.ts",
  );
  const listed = { ...described.dependencies, ...described.peerDependencies, ...described.devDependencies };
  expect(used.filter((name) => !(name in listed))).toEqual([]);
  const zod = JSON.parse(readFileSync(join(here, "../package.json"), "utf8")).dependencies.zod;
  expect(listed.zod).toBe(zod);
});

/** Packages that these files import. */
function packagesOf(...names: readonly string[]): readonly string[] {
  const texts = names.map((name) => shown.get(name) ?? "");
  const specifiers = texts.flatMap((text) =>
    [...text.matchAll(/from "([^".][^"]*)"/g)].map(([, name = ""]) => name),
  );
  return [
    ...new Set(
      specifiers
        .filter((name) => !name.startsWith("node:"))
        .map((name) =>
          name.startsWith("@") ? name.split("/").slice(0, 2).join("/") : (name.split("/")[0] ?? ""),
        ),
    ),
  ];
}
