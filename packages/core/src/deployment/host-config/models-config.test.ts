import { spawn } from "node:child_process";
import { watch } from "node:fs";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HOST_YAML } from "../../../test-support/deployment-host.ts";
import { ModelOpsError } from "../../errors/modelops-error.ts";
import { memoryStore } from "../../registry/memory-store.ts";
import { completeRuntime } from "../../runtime.ts";
import { runReloadHook } from "../reload-hook.ts";
import { type HostConfigOptions, hostConfigSchema } from "./host-config-options.ts";
import { readHostFile, replaceHostFile } from "./host-file.ts";
import { applyConfigEdit, effectiveModel, planConfigEdit, restoreConfigEdit } from "./models-config.ts";

let folder: string;
let file: string;
const now = Date.now();
const config = (options: Partial<HostConfigOptions> = {}) =>
  hostConfigSchema.parse({ file, paths: { local: "openrouter.agent_models.<agent>" }, ...options });
const refusalOf = async (promise: Promise<unknown>): Promise<ModelOpsError> => {
  const error = await promise.then(
    () => new Error("it was accepted"),
    (reason: unknown) => reason,
  );
  if (ModelOpsError.isInstance(error)) return error;
  throw error;
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "modelops-config-"));
  file = join(folder, "models.yaml");
  await writeFile(file, HOST_YAML);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const YAML = [
  "agents:",
  "  feature-dev:",
  "    model: by-agent",
  "openrouter:",
  "  agent_models:",
  "    feature_dev: by-router",
  "    other: x",
  "environments:",
  "  production:",
  "    feature-dev:",
  "      model: by-production",
  "",
].join("\n");

describe("where an agent's model stands", () => {
  it("finds either spelling of the name", async () => {
    await writeFile(file, YAML);
    for (const agent of ["feature_dev", "feature-dev"]) {
      const { edit } = await planConfigEdit({ config: config(), agent, targetId: "local", value: "new" });
      expect(edit.path).toEqual(["openrouter", "agent_models", "feature_dev"]);
    }
    const byAgent = config({ paths: { local: "agents.<agent>.model" } });
    const { edit } = await planConfigEdit({
      config: byAgent,
      agent: "feature_dev",
      targetId: "local",
      value: "new",
    });
    expect(edit).toMatchObject({
      path: ["agents", "feature-dev", "model"],
      line: 3,
      valueBefore: "by-agent",
    });
  });

  it("has a default per target", async () => {
    await writeFile(file, "local: { a: 1 }\nhuggingface:\n  agent_models:\n    cicd: one\n");
    const bare = hostConfigSchema.parse({ file });
    const edit = await planConfigEdit({
      config: bare,
      agent: "cicd",
      targetId: "hf-endpoints",
      value: "two",
    });
    expect(edit.edit.path.join(".")).toBe("huggingface.agent_models.cicd");
    const error = await refusalOf(
      planConfigEdit({ config: bare, agent: "cicd", targetId: "gguf", value: "two" }),
    );
    expect(error.code).toBe("config/yaml-path-missing");
    expect(error.fix).toContain("local.agent_models.cicd");
  });

  it("adds a missing agent as one line", async () => {
    await writeFile(file, YAML);
    const planned = await planConfigEdit({
      config: config(),
      agent: "cicd",
      targetId: "local",
      value: "org/m",
    });
    expect(planned.bytesAfter.toString()).toBe(
      YAML.replace("    other: x\n", "    other: x\n    cicd: org/m\n"),
    );
    await applyConfigEdit({ config: config(), planned, backupFolder: join(folder, "b"), now });
    await writeFile(file, (await readFile(file, "utf8")).replace("other: x", "other: y"));
    const undone = await restoreConfigEdit({
      config: config(),
      edit: planned.edit,
      backupFolder: join(folder, "b"),
      now,
    });
    expect(undone.restored).toBe("value");
    expect(await readFile(file, "utf8")).toBe(YAML.replace("other: x", "other: y"));
  });

  it("knows what the host really uses, and refuses an edit that would not change it", async () => {
    await writeFile(file, YAML);
    const production = config({ environment: "production" });
    expect(effectiveModel(production, YAML, "feature_dev", "local").value).toBe("by-production");
    const error = await refusalOf(
      planConfigEdit({ config: production, agent: "feature_dev", targetId: "local", value: "new" }),
    );
    expect(error.code).toBe("deployment/edit-has-no-effect");
    expect(error.fix).toContain("environments.production.feature-dev.model");
    const right = config({
      environment: "production",
      paths: { local: "environments.production.<agent>.model" },
    });
    const { edit } = await planConfigEdit({
      config: right,
      agent: "feature_dev",
      targetId: "local",
      value: "new",
    });
    expect(edit).toMatchObject({
      effectiveBefore: "by-production",
      effectiveAfter: "new",
      environment: "production",
    });
    expect(edit.warnings.join()).toContain("agents.feature-dev.model still names by-agent");
  });
});

describe("writing the host's file", () => {
  it("refuses when somebody changed it since it was read", async () => {
    const planned = await planConfigEdit({
      config: config(),
      agent: "feature_dev",
      targetId: "local",
      value: "new",
    });
    await writeFile(file, `${HOST_YAML}# a person was here\r\n`);
    const error = await refusalOf(
      applyConfigEdit({ config: config(), planned, backupFolder: join(folder, "b"), now }),
    );
    expect(error).toMatchObject({ code: "config/changed-underneath", isRetryable: true });
    expect(await readFile(file, "utf8")).toContain("a person was here");
  });

  it("refuses a file that is not UTF-8, and one that is missing", async () => {
    await writeFile(file, Buffer.from([0x61, 0x3a, 0x20, 0xff, 0x0a]));
    expect((await refusalOf(readHostFile(file))).code).toBe("config/not-utf8");
    expect((await refusalOf(readHostFile(join(folder, "no.yaml")))).code).toBe("config/file-missing");
  });

  it("reaches watchers that see modifications only, and leaves no other YAML name behind", async () => {
    const seen: string[] = [];
    const watcher = watch(folder, (event, name) => void seen.push(`${event} ${name}`));
    const planned = await planConfigEdit({
      config: config(),
      agent: "feature_dev",
      targetId: "local",
      value: "new",
    });
    const before = (await stat(file)).mode;
    await applyConfigEdit({ config: config(), planned, backupFolder: join(folder, "b"), now });
    await new Promise((resolve) => setTimeout(resolve, 100));
    watcher.close();
    expect(seen).toContain("change models.yaml");
    expect(seen.filter((line) => line.endsWith("models.yaml") && !line.endsWith(" models.yaml"))).toEqual([]);
    expect((await stat(file)).mode).toBe(before);
  });

  it("writes in place where the file itself is mounted and cannot be replaced", async ({ skip }) => {
    // A private mount namespace needs privileges; where they lack, this says so.
    const script = `mount --bind "$1" "$1" && exec "$2" -e '
      import(process.argv[1]).then(async ({ readHostFile, replaceHostFile }) => {
        const { sha256 } = await readHostFile(process.argv[2]);
        const result = await replaceHostFile({ path: process.argv[2], bytes: Buffer.from("a: 2\\n"),
          expectedSha256: sha256, touchAfterRename: true, now: Date.now() });
        process.stdout.write(JSON.stringify(result));
      })' "$3" "$1"`;
    await writeFile(file, "a: 1 # a longer line than the next\n");
    const module = new URL("./host-file.ts", import.meta.url).href;
    const child = spawn("unshare", ["--mount", "sh", "-c", script, "sh", file, process.execPath, module]);
    let output = "";
    child.stdout.on("data", (data: Buffer) => {
      output += data.toString();
    });
    const code = await new Promise((resolve) => {
      child.on("error", () => resolve(null));
      child.on("exit", resolve);
    });
    if (code !== 0 && output === "") skip("mount namespaces are not allowed here");
    expect(JSON.parse(output)).toEqual({ writtenInPlace: true });
    expect(await readFile(file, "utf8")).toBe("a: 2\n");
  });

  it("never shows a half-written file to a reader", async () => {
    const long = `${"# padding\n".repeat(5000)}a: 1\n`;
    await writeFile(file, long);
    let sha256 = (await readHostFile(file)).sha256;
    let reading = true;
    const sizes = new Set<number>();
    const reader = (async () => {
      while (reading) sizes.add((await readFile(file)).byteLength);
    })();
    for (let round = 0; round < 50; round += 1) {
      const bytes = Buffer.from(long.replace("a: 1", `a: ${round % 10}`));
      await replaceHostFile({ path: file, bytes, expectedSha256: sha256, touchAfterRename: false, now });
      sha256 = (await readHostFile(file)).sha256;
    }
    reading = false;
    await reader;
    expect([...sizes]).toEqual([Buffer.byteLength(long)]);
  });
});

describe("telling the host", () => {
  const runtime = completeRuntime({ store: memoryStore(), home: tmpdir() });

  it("by a command that runs without a shell", async () => {
    const marker = join(folder, "ran; touch hacked");
    const write = ["-e", "require('fs').writeFileSync(process.argv[1], 'x')", marker];
    const command = { type: "command" as const, command: [process.execPath, ...write], timeoutMs: 20_000 };
    expect(await runReloadHook(runtime, command)).toEqual({ ok: true, message: null });
    expect(await readFile(marker, "utf8")).toBe("x");
    const failing = { ...command, command: [process.execPath, "-e", "process.exit(3)"] };
    expect(await runReloadHook(runtime, failing)).toMatchObject({ ok: false });
    const hanging = {
      ...command,
      command: [process.execPath, "-e", "setInterval(() => {}, 1000)"],
      timeoutMs: 200,
    };
    expect((await runReloadHook(runtime, hanging)).message).toContain("200 ms");
    const missing = { ...command, command: [join(folder, "no-such-program")] };
    expect(await runReloadHook(runtime, missing)).toMatchObject({ ok: false });
  });

  it("by HTTP, where anything but success is a failure", async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      response.statusCode = request.url === "/reload" ? 204 : 500;
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const hook = (path: string) =>
      ({ type: "http", url: `http://127.0.0.1:${port}${path}`, method: "POST", timeoutMs: 5000 }) as const;
    expect(await runReloadHook(runtime, hook("/reload"))).toEqual({ ok: true, message: null });
    expect((await runReloadHook(runtime, hook("/other"))).message).toContain("500");
    expect(asked).toEqual(["POST /reload", "POST /other"]);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it("by a signal to the process in a pid file", async () => {
    const marker = join(folder, "hup");
    const program = `process.on("SIGHUP", () => { require("fs").writeFileSync(${JSON.stringify(marker)}, "x"); process.exit(0); });
      setInterval(() => {}, 1000); process.stdout.write("up");`;
    const child = spawn(process.execPath, ["-e", program]);
    await new Promise((resolve) => child.stdout.once("data", resolve));
    const pidFile = join(folder, "host.pid");
    await writeFile(pidFile, `${child.pid}\n`);
    const ended = new Promise((resolve) => child.once("exit", resolve));
    expect(await runReloadHook(runtime, { type: "signal", pidFile, signal: "SIGHUP" })).toMatchObject({
      ok: true,
    });
    await ended;
    expect(await readFile(marker, "utf8")).toBe("x");
    await writeFile(pidFile, "not a number");
    expect(await runReloadHook(runtime, { type: "signal", pidFile, signal: "SIGHUP" })).toMatchObject({
      ok: false,
    });
  });
});
