import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { packageSources, sourceErrorCodes } from "./docs-error-codes.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const sources = packageSources(root);
const codes = sourceErrorCodes(sources);
const page = readFileSync(join(root, "docs/errors.md"), "utf8");
const entries = [...page.matchAll(/^\| `([a-z]+\/[a-z0-9-]+)` \|(.*)\|(.*)\|$/gm)].map(
  ([, code, when, remedy]) => ({
    code: String(code),
    when: when?.trim(),
    remedy: remedy?.trim(),
  }),
);

describe("docs/errors.md", () => {
  it("has an entry for every code of the sources", () => {
    const known = new Set(entries.map(({ code }) => code));
    const missing = [...codes]
      .filter(([code]) => !known.has(code))
      .map(([code, [place]]) => `${code} (${place?.file}:${place?.line})`);
    expect(missing).toEqual([]);
  });

  it("has no entry for a code that no source has", () => {
    expect(entries.map(({ code }) => code).filter((code) => !codes.has(code))).toEqual([]);
  });

  it("names each code once, under its area, with when it happens and what to do", () => {
    const listed = entries.map(({ code }) => code);
    expect(listed.filter((code, index) => listed.indexOf(code) !== index)).toEqual([]);
    expect(entries.filter(({ when, remedy }) => !when || !remedy)).toEqual([]);
    for (const [, area, table] of page.matchAll(/^## `([a-z]+)`[^\n]*\n(.*?)(?=^## |$(?![\s\S]))/gms)) {
      const inTable = [...String(table).matchAll(/^\| `([a-z]+)\//gm)].map((match) => match[1]);
      expect(new Set(inTable), `area ${area}`).toEqual(new Set([area]));
    }
  });
});

describe("the finder of codes", () => {
  const area = { path: "errors/modelops-error.ts", text: 'export type ErrorArea = "hub" | "model";' };

  it("sees codes that are written out and not those in comments", () => {
    const text =
      'throw { code: "hub/gone" };\n * "hub/comment"\n// "hub/comment"\nread("hub/Not-A-Code.ts");';
    expect([...sourceErrorCodes([area, { path: "a.ts", text }])]).toEqual([
      ["hub/gone", [{ file: "a.ts", line: 1 }]],
    ]);
  });

  it("works out templates from what fills them, and refuses one that it does not know", () => {
    const caller = { path: "b.ts", text: 'requestText({ area: "model" })' };
    const text = (code: string) => ({ path: "core/src/http/request-text.ts", text: `code: \`${code}\`,` });
    const of = (code: string) => [...sourceErrorCodes([area, caller, text(code)]).keys()];
    expect(of(["$", "{request.area}/timeout"].join(""))).toEqual(["model/timeout"]);
    expect(() => of(["model/$", "{other}"].join(""))).toThrow("unknown form");
  });
});
