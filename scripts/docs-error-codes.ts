import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Where a code of `ModelOpsError` stands in the sources. */
export interface CodePlace {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
}

export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** The sources of the packages, without tests and the doubles of tests. */
export function packageSources(root: string): readonly SourceFile[] {
  return globSync("packages/*/src/**/*.ts", { cwd: root })
    .filter((path) => !/(\.test|\.test-d|\.faults)\.ts$|__fixtures__|\/kits\/.*\/memory-/.test(path))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}

/**
 * Every error code of the sources: written out (`"storage/busy"`), or made by a template, which is worked out from what
 * fills it. A template that is not known here throws, so that no code goes unseen.
 */
export function sourceErrorCodes(sources: readonly SourceFile[]): ReadonlyMap<string, readonly CodePlace[]> {
  const found = new Map<string, CodePlace[]>();
  // The name of a module, such as `langsmith/traceable`, is not a code.
  const literal = new RegExp(
    `(?<!\\bfrom |\\bimport\\()"((?:${errorAreas(sources).join("|")})/[a-z0-9-]+)"`,
    "g",
  );
  for (const { path, text } of sources) {
    for (const [index, line] of text.split("\n").entries()) {
      if (/^\s*(\*|\/[/*])/.test(line)) continue;
      const codes = [...line.matchAll(literal)].map((match) => String(match[1]));
      const template = /\bcode: `([^`]*\$\{[^`]*)`/.exec(line)?.[1];
      if (template !== undefined) codes.push(...codesOfTemplate(template, path, sources));
      for (const code of codes)
        found.set(code, [...(found.get(code) ?? []), { file: path, line: index + 1 }]);
    }
  }
  return found;
}

/** The first halves of codes, as the type `ErrorArea` lists them. */
function errorAreas(sources: readonly SourceFile[]): readonly string[] {
  const union =
    /export type ErrorArea =([^;]*);/.exec(textOf(sources, "errors/modelops-error.ts"))?.[1] ?? "";
  return captures(union, /"([a-z]+)"/g);
}

function codesOfTemplate(template: string, path: string, sources: readonly SourceFile[]): readonly string[] {
  const form = template.replaceAll(/\$\{(?:request\.)?(\w+)\}/g, "<$1>");
  const all = sources.map(({ text }) => text).join("\n");
  // A type, not a value.
  if (form === "dataset/<string>") return [];
  if (form === "statistics/<code>") {
    return captures(all, /statisticsError\(\s*"([a-z-]+)"/g).map((slug) => `statistics/${slug}`);
  }
  if (form === "approval/<slug>") {
    const statuses = /status: z\.enum\(\[("pending"[^\]]*)\]\)/.exec(all)?.[1] ?? "";
    const slugs = [...captures(statuses, /"([a-z]+)"/g), ...captures(all, /unusable\([^)]*, "([a-z-]+)"\)/g)];
    return slugs.map((slug) => `approval/${slug}`);
  }
  const [, area, slug] = /^(<area>|[a-z]+)\/(.+)$/.exec(form) ?? [];
  const slugs = slug === "<slug>" ? statusSlugs(textOf(sources, path)) : [slug ?? ""];
  if (area === undefined || slugs.length === 0 || slugs.some((found) => !/^[a-z0-9-]+$/.test(found))) {
    throw new Error(`${path}: an unknown form of error code: ${template}`);
  }
  const areas = area === "<area>" ? requestingAreas(path, sources) : [area];
  return areas.flatMap((known) => slugs.map((found) => `${known}/${found}`));
}

/** The first words of a file's texts for HTTP statuses: `404: ["not-found", …]`, and of those for all other statuses. */
function statusSlugs(text: string): readonly string[] {
  return captures(text, /(?:\b\d{3}:|[?:])\s*\[\s*"([a-z-]+)",/g);
}

/** The areas of the files that make requests through a file: what `requestText` throws, `requestJson` throws as well. */
function requestingAreas(path: string, sources: readonly SourceFile[]): readonly string[] {
  const call = path.endsWith("request-json.ts") ? /\brequestJson\(/ : /\brequest(Json|Text)\(/;
  const callers = sources.filter(({ path, text }) => call.test(text) && !path.includes("core/src/http/"));
  return captures(callers.map(({ text }) => text).join("\n"), /\barea: "([a-z]+)"/g);
}

function textOf(sources: readonly SourceFile[], ending: string): string {
  return sources.find(({ path }) => path.endsWith(ending))?.text ?? "";
}

/** What the first group of a pattern finds, each once. */
function captures(text: string, pattern: RegExp): readonly string[] {
  return [...new Set([...text.matchAll(pattern)].map((match) => String(match[1])))];
}
