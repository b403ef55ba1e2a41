import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { ModelOpsError } from "../../errors/modelops-error.ts";
import { editYamlScalar, removeYamlScalar } from "./edit-scalar.ts";

const HOST_FILE = new URL("../../../../../../shared/data/host/models.yaml", import.meta.url);
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** Values that naive writers turn into numbers, dates, booleans, comments or several lines. */
const NASTY_VALUES = [
  "org/model-7b",
  "on",
  "off",
  "yes",
  "No",
  "null",
  "~",
  "true",
  "12:30:00",
  "1_000",
  "2024-01-01",
  "0x1F",
  "0o17",
  "017",
  "1e3",
  ".5",
  "3.00",
  "-",
  "?",
  ":",
  "a: b",
  "a #b",
  "#a",
  "a:",
  "[x]",
  "{x: y}",
  "a, b]",
  "&anchor",
  "*alias",
  "!tag",
  "%directive",
  "@at",
  "`tick`",
  "'single'",
  '"double"',
  "it's",
  "back\\slash",
  "two\nlines",
  "carriage\r\nreturn",
  "tab\there",
  " leading",
  "trailing ",
  "",
  "---",
  "...",
  "| block",
  "> folded",
  "<<",
  "ünïcödé 日本 🙂",
  "\u2028separator",
  "\u0007bell",
  "x".repeat(400),
  `${"word ".repeat(60)}end`,
  "google/gemini-2.0-flash-exp:free",
];

const changedLines = (before: string, after: string) => {
  const left = before.split("\n");
  const right = after.split("\n");
  expect(right.length).toBe(left.length);
  return left.filter((line, index) => line !== right[index]).length;
};

const refusalOf = (run: () => unknown): ModelOpsError => {
  try {
    run();
  } catch (error) {
    if (ModelOpsError.isInstance(error)) return error;
    throw error;
  }
  throw new Error("it was not refused");
};

describe("editYamlScalar", () => {
  const styles = {
    plain: ["a:\n  b: old # why\n  c: 3.00\n", "\n"],
    "single quoted": ["a:\n  b: 'old'   # why\n  c: [x,  y]\n", "\n"],
    "double quoted": ['a:\r\n  b: "old"\r\n  c: 0x1F\r\n', "\r\n"],
    flow: ["a: { b: old, c: [1,2] }  # flow\n", "\n"],
    "no final newline": ["a:\n  c: 1\n  b: old", "\n"],
    "byte order mark": ["\uFEFFa:\n  b: old\n", "\n"],
  };
  for (const [style, [source]] of Object.entries(styles)) {
    it(`changes one line and no other byte in a ${style} file, for every nasty value`, () => {
      for (const value of NASTY_VALUES) {
        const edit = editYamlScalar(source as string, ["a", "b"], value);
        expect(parse(edit.source).a.b).toBe(value);
        expect(parse(edit.source, { version: "1.1" }).a.b).toBe(value);
        expect(changedLines(source as string, edit.source)).toBe(1);
        const restored = editYamlScalar(edit.source, ["a", "b"], "old", { text: edit.previousText });
        expect(restored.source).toBe(source);
      }
    });
  }

  it("reports the line and the previous value", () => {
    const edit = editYamlScalar("# head\na:\n  b: old\n", ["a", "b"], "new");
    expect(edit).toMatchObject({ line: 3, previousValue: "old", inserted: false });
  });

  it.each([
    ["config/yaml-path-missing", "a: 1\n", ["a2"]],
    ["config/yaml-path-missing", "base: &x { b: 1 }\na:\n  <<: *x\n  c: 2\n", ["a", "b"]],
    ["config/yaml-alias", "x: &v old\na: *v\n", ["a"]],
    ["config/yaml-anchor", "a: &v old\nb: *v\n", ["a"]],
    ["config/yaml-tag", "a: !!str old\n", ["a"]],
    ["config/yaml-block-scalar", "a: |\n  old\n", ["a"]],
    ["config/yaml-block-scalar", "a: >-\n  old\n", ["a"]],
    ["config/yaml-block-scalar", 'a: "old\n  er"\n', ["a"]],
    ["config/yaml-not-scalar", "a:\n  b: 1\n", ["a"]],
    ["config/yaml-not-scalar", "a: [1]\n", ["a"]],
    ["config/yaml-empty-value", "a:\nb: 1\n", ["a"]],
    ["config/yaml-duplicate-key", "a: 1\na: 2\n", ["a"]],
    ["config/yaml-multiple-documents", "a: 1\n---\na: 2\n", ["a"]],
    ["config/yaml-invalid", "a: [1\nb: 2\n", ["a"]],
    ["config/yaml-empty", "# nothing\n", ["a"]],
    ["config/yaml-empty", "", ["a"]],
  ] as const)("refuses with %s: %j", (code, source, path) => {
    const error = refusalOf(() => editYamlScalar(source, path, "new"));
    expect(error.code).toBe(code);
    expect(error.fix).not.toBe("");
  });

  it("inserts a missing key as one line after its last sibling when asked", () => {
    const source = "a:\r\n    b: 1 # keep\r\n    c: [1, 2]\r\n\r\n# next\r\nd: 2\r\n";
    const edit = editYamlScalar(source, ["a", "new"], "on", { insertMissing: true });
    expect(edit.source).toBe(
      'a:\r\n    b: 1 # keep\r\n    c: [1, 2]\r\n    new: "on"\r\n\r\n# next\r\nd: 2\r\n',
    );
    expect(edit).toMatchObject({ inserted: true, line: 4 });
    expect(removeYamlScalar(edit.source, ["a", "new"])).toBe(source);
  });

  it("inserts after a nested last sibling and at the end of a file without a final newline", () => {
    expect(editYamlScalar("a:\n  b:\n    c: 1", ["a", "m"], "x", { insertMissing: true }).source).toBe(
      "a:\n  b:\n    c: 1\n  m: x",
    );
    expect(
      editYamlScalar("a:\n  b: |\n    text\nz: 1\n", ["a", "m"], "x", { insertMissing: true }).source,
    ).toBe("a:\n  b: |\n    text\n  m: x\nz: 1\n");
  });

  it("refuses to insert where there is no block map to extend", () => {
    for (const source of ["a: {}\n", "a: { b: 1 }\n", "a:\n", "b: 1\n"]) {
      expect(refusalOf(() => editYamlScalar(source, ["a", "n"], "x", { insertMissing: true })).code).toBe(
        "config/yaml-path-missing",
      );
    }
  });
});

describe.skipIf(!existsSync(HOST_FILE))(
  "the host's own models.yaml (skipped when the data is absent)",
  () => {
    it("changes exactly one of its 310 CRLF lines for every nasty value, and back to the same SHA-256", () => {
      const source = readFileSync(HOST_FILE, "utf8");
      expect(source.split("\r\n").length).toBe(311);
      const paths = [
        ["openrouter", "agent_models", "feature_dev"],
        ["agents", "feature-dev", "model"],
        ["environments", "production", "feature-dev", "model"],
        ["error_recovery", "agent_overrides", "orchestrator", "fallback_chain", 0, "model"],
      ];
      for (const path of paths) {
        for (const value of NASTY_VALUES) {
          const edit = editYamlScalar(source, path, value);
          expect(changedLines(source, edit.source)).toBeLessThanOrEqual(1);
          const back = editYamlScalar(edit.source, path, edit.previousValue as string, {
            text: edit.previousText,
          });
          expect(sha256(back.source)).toBe(sha256(source));
        }
      }
    });
  },
);
