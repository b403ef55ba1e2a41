import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { packagedScriptPath } from "../../../files/packaged-script.ts";
import { type EnvironmentOptions, missingEnvironment, readyEnvironment } from "./environment.ts";
import { findUv } from "./find-uv.ts";
import { installFailure } from "./install-failure.ts";
import { readScriptHeader } from "./script-header.ts";

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "modelops-environment-"));
});
afterEach(async () => {
  await rm(home, { recursive: true, force: true });
});

describe("readScriptHeader", () => {
  it.each(["sft", "dpo", "grpo"] as const)("finds exact pins in the packaged %s script", async (method) => {
    const header = readScriptHeader(await readFile(packagedScriptPath(method), "utf8"), method);
    expect(header.requiresPython).toMatch(/^>=3\.\d+/);
    expect(header.excludeNewer).toMatch(/^\d{4}-\d\d-\d\d/);
    expect(header.dependencies.map((dependency) => dependency.split("==")[0])).toEqual(
      expect.arrayContaining(["trl", "peft", "torch"]),
    );
    for (const dependency of header.dependencies) expect(dependency).toMatch(/^[a-z-]+==\d/);
  });

  it("refuses a script that does not say what it needs", () => {
    expect(() => readScriptHeader("print(1)", "own.py")).toThrow(
      expect.objectContaining({ code: "training/script-header" }),
    );
  });
});

describe("findUv", () => {
  it("explains a machine without python3", async () => {
    const finding = findUv({ home, env: { PATH: home }, report: () => {} });
    await expect(finding).rejects.toMatchObject({
      code: "training/python-missing",
      fix: expect.stringContaining("apt install"),
    });
    expect(await readdir(home)).not.toContain("environments");
  });

  it("refuses a uv that is none", async () => {
    const finding = findUv({ home, uv: process.execPath, env: process.env, report: () => {} });
    await expect(finding).rejects.toMatchObject({ code: "training/uv-unusable" });
  });
});

describe("installFailure", () => {
  it.each([
    ["error: failed to write: No space left on device (os error 28)", "training/disk-full"],
    ["  cause: client error (Connect)\n  cause: dns error", "training/download-failed"],
    ["error: Failed to fetch: `index`\n  Caused by: operation timed out", "training/download-failed"],
    ["error: No interpreter found for Python >=3.11, <3.14", "training/python-version"],
    [
      "The virtual environment was not created because ensurepip is not available",
      "training/python-incomplete",
    ],
    ["something nobody has seen before", "training/install-failed"],
  ])("gives %j a plain message", (text, code) => {
    const error = installFailure({
      what: "It could not be installed.",
      lines: text.split("\n"),
      folder: home,
    });
    expect(error).toMatchObject({ code });
    expect(error.fix).not.toBe("");
  });

  it("keeps a mirror's password out of the message", () => {
    const error = installFailure({
      what: "No.",
      lines: ["Failed to fetch https://user:hunter2@mirror.local/simple"],
      folder: home,
    });
    expect(JSON.stringify(error)).not.toContain("hunter2");
  });
});

const hasUv = spawnSync("uv", ["--version"]).status === 0;
describe.skipIf(!hasUv)("readyEnvironment (needs uv on PATH)", () => {
  const options = (changes: Partial<EnvironmentOptions> = {}): EnvironmentOptions => ({
    home,
    header: { requiresPython: ">=3.8", dependencies: [], excludeNewer: null },
    hasAccelerator: false,
    env: process.env,
    report: () => {},
    ...changes,
  });

  it("builds once for many callers, and nothing is missing then", async () => {
    const messages: string[] = [];
    const report = (message: string) => messages.push(message);
    expect(await missingEnvironment(options())).not.toBeNull();
    const [first, second] = await Promise.all([
      readyEnvironment(options({ report })),
      readyEnvironment(options({ report })),
    ]);
    expect(second).toBe(first);
    expect(messages.filter((message) => message.startsWith("Installing"))).toHaveLength(1);
    expect(messages.find((message) => message.startsWith("Installing"))).toMatch(/\d GB/);
    expect(spawnSync(first, ["-c", "print(6*7)"]).stdout.toString()).toBe("42\n");
    expect(await missingEnvironment(options())).toBeNull();
  });

  it("never takes a half-built environment for a whole one", async () => {
    await mkdir(join(home, "environments/building-1-dead/bin"), { recursive: true });
    await readyEnvironment(options());
    const names = await readdir(join(home, "environments"));
    expect(names.filter((name) => name.startsWith("building-"))).toEqual([]);
  });

  it("leaves nothing half-built behind when it is cut off or cannot be built", async () => {
    const aborted = AbortSignal.abort(new Error("stop"));
    await expect(readyEnvironment(options({ signal: aborted }))).rejects.toThrow("stop");
    const impossible = options({ header: { requiresPython: ">=99", dependencies: [], excludeNewer: null } });
    await expect(readyEnvironment(impossible)).rejects.toMatchObject({ code: "training/python-version" });
    const names = await readdir(join(home, "environments")).catch(() => []);
    expect(names.filter((name) => !name.endsWith(".lock"))).toEqual([]);
  });
});
