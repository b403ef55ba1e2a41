import { spawnSync } from "node:child_process";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { docsBlocks, docsPrograms } from "./docs-blocks.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
/** Inside the workspace, so that packages are found; ignored by git. */
const folder = join(root, "bench", ".modelops", `docs-${process.pid}`);

const readmes = ["target-hf-endpoints", "target-openrouter"].map((name) => `packages/${name}/README.md`);
const pages = ["README.md", ...globSync("docs/*.md", { cwd: root }).sort(), ...readmes].map((page) => {
  const programs = docsPrograms(page, readFileSync(join(root, page), "utf8"));
  return { page, programs };
});
const programs = pages.flatMap((page) => page.programs);

beforeAll(() => {
  mkdirSync(folder, { recursive: true });
  for (const { name, code } of programs) writeFileSync(join(folder, `${name}.ts`), code);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the code of the documentation", () => {
  it("has the right types", () => {
    const config = {
      extends: join(root, "tsconfig.base.json"),
      compilerOptions: {
        noEmit: true,
        noUnusedLocals: false,
        paths: {
          "@modelops/core/tools": [join(root, "packages/core/src/tools/index.ts")],
          "@modelops/core/statistics": [join(root, "packages/core/src/statistics/index.ts")],
          "@modelops/core/target-utils": [join(root, "packages/core/src/target-utils.ts")],
          "@modelops/*": [join(root, "packages/*/src/index.ts")],
        },
      },
      files: programs.map(({ name }) => `./${name}.ts`),
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    const compiler = join(
      dirname(createRequire(import.meta.url).resolve("typescript/package.json")),
      "bin",
      "tsc",
    );
    const { stdout } = spawnSync(process.execPath, [compiler, "-p", folder, "--pretty", "false"], {
      cwd: folder,
      encoding: "utf8",
    });
    // Errors of the library itself are found by its own check.
    const own = stdout
      .split("\n")
      .filter((line) => programs.some(({ name }) => line.startsWith(`${name}.ts`)));
    expect(own).toEqual([]);
  }, 120_000);

  for (const { name, isRun } of programs) {
    if (!isRun) continue;
    it(`runs: ${name}`, () => {
      const preload = join(root, "scripts", "docs-resolve.ts");
      const result = spawnSync(process.execPath, ["--import", preload, join(folder, `${name}.ts`)], {
        cwd: mkdtempSync(join(tmpdir(), "modelops-docs-")),
        encoding: "utf8",
        timeout: 120_000,
      });
      expect(result.status, `${result.stderr}\n${result.stdout}`).toBe(0);
    }, 130_000);
  }
});

describe("the reader of pages", () => {
  it("starts a program at each import, goes on without one, and sees hidden set-up", () => {
    const page = [
      '<!-- ts\nimport { a } from "x";\n-->',
      '```ts\nimport { b, type C } from "x";\nuse(a, b);\n```',
      "```sh\nnot code\n```",
      "```ts\ngoOn();\n```",
      "```ts no-run\nnever();\n```",
      "```ts\nafter();\n```",
      '```ts\nimport { a } from "x";\nother();\n```',
    ].join("\n\n");
    expect(docsBlocks(page).map((block) => [block.kind, block.line])).toEqual([
      ["hidden", 2],
      ["plain", 6],
      ["plain", 15],
      ["no-run", 19],
      ["plain", 23],
      ["plain", 27],
    ]);
    const [first, unrun, second] = docsPrograms("p.md", page);
    expect(first?.code.match(/^import.*$/gm)).toEqual(['import { a, b, type C } from "x";']);
    expect(first?.code).toContain("// p.md:6\nuse(a, b);");
    expect(first?.code).toContain("// p.md:15\ngoOn();");
    expect(first?.code).toContain("after();");
    expect([first?.isRun, unrun?.isRun, second?.isRun]).toEqual([true, false, true]);
    expect(second?.code).toContain("other()");
    expect(() => docsBlocks("```ts\nnever closed")).toThrow("line 2");
  });
});
