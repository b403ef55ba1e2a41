import { describe, expect, it } from "vitest";
import { suggestModelId, validateModelId } from "./model-id.ts";
import { bumpVersion, compareVersions, formatVersion, parseVersion, tryParseVersion } from "./version.ts";

describe("versions", () => {
  it.each([
    ["v1.2.3", { major: 1, minor: 2, patch: 3, suffix: null }],
    ["v0.0.0", { major: 0, minor: 0, patch: 0, suffix: null }],
    ["v2.0.0-demo", { major: 2, minor: 0, patch: 0, suffix: "demo" }],
    ["v10.20.30-rc.1", { major: 10, minor: 20, patch: 30, suffix: "rc.1" }],
  ])("reads %s and writes it back", (text, parsed) => {
    expect(parseVersion(text)).toEqual(parsed);
    expect(formatVersion(parsed)).toBe(text);
  });

  it.each([
    "1.2.3",
    "v1.2",
    "v1.2.3.4",
    "v01.2.3",
    "v1.2.3-",
    "v1.2.3-a..b",
    "V1.2.3",
    "v1.2.3+b",
    " v1.2.3",
    "",
    "v1.2.3-ä",
    `v1.0.0-${"a".repeat(200)}`,
  ])("refuses %j with the form named", (text) => {
    expect(tryParseVersion(text)).toBeNull();
    expect(() => parseVersion(text)).toThrow(expect.objectContaining({ code: "input/version" }));
  });

  it("order by semantic versioning, suffixes before the plain version", () => {
    // The example of Semantic Versioning 2.0.0 §11.4.
    const ordered = [
      "something-else",
      "v0.9.9",
      "v1.0.0-alpha",
      "v1.0.0-alpha.1",
      "v1.0.0-alpha.beta",
      "v1.0.0-beta",
      "v1.0.0-beta.2",
      "v1.0.0-beta.11",
      "v1.0.0-rc.1",
      "v1.0.0",
      "v1.2.0",
      "v1.10.0",
      "v2.0.0",
    ];
    expect(ordered.toReversed().sort(compareVersions)).toEqual(ordered);
  });

  it.each([
    ["major", "v2.0.0"],
    ["minor", "v1.3.0"],
    ["patch", "v1.2.4"],
  ] as const)("go up by %s", (bump, expected) => {
    expect(formatVersion(bumpVersion({ major: 1, minor: 2, patch: 3 }, bump))).toBe(expected);
    expect(formatVersion(bumpVersion(null, bump))).toBe("v1.0.0");
  });
});

describe("model ids", () => {
  it.each(["gpt2", "microsoft/Phi-3-mini-4k-instruct", "a/b_c.d-e", `o/${"n".repeat(94)}`])(
    "accept %s",
    (id) => {
      expect(() => validateModelId(id)).not.toThrow();
    },
  );

  it.each([
    ["", "empty"],
    ["a/b/c", "more than one"],
    ["a/", "empty"],
    ["a b", '" "'],
    ["a/b--c", "'--'"],
    ["a..b", "'..'"],
    ["-a/b", "starts or ends"],
    ["a/b.", "starts or ends"],
    ["a/b.git", ".git"],
    ["../etc", "'..'"],
    ["ä/b", "ä"],
    ["n".repeat(97), "97 characters"],
  ])("refuse %j and say why", (id, words) => {
    expect(() => validateModelId(id)).toThrow(
      expect.objectContaining({ code: "input/model-id", reason: expect.stringContaining(words) }),
    );
  });

  it("are suggested from the parts and always valid", () => {
    const parts = {
      organization: "My Org",
      project: "Code Chéf!",
      agent: "feature_dev",
      version: "v1.0.0-demo",
    };
    expect(suggestModelId(parts)).toBe("My-Org/Code-Chef-feature-dev-v1.0.0-demo");
    const long = suggestModelId({ ...parts, project: `--${"long.-".repeat(50)}` });
    expect(long.length).toBeLessThanOrEqual(96);
    expect(long.endsWith("-feature-dev-v1.0.0-demo")).toBe(true);
    expect(() => suggestModelId({ ...parts, version: "1" })).toThrow(
      expect.objectContaining({ code: "input/version" }),
    );
  });
});
