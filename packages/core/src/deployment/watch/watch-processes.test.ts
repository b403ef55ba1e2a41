import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { crashDeployer } from "../../../test-support/crash-host.ts";
import { HOST_YAML } from "../../../test-support/deployment-host.ts";
import { startRouterProcess } from "../../../test-support/router-process.ts";

const AGENT = "feature_dev";
const CHILD = fileURLToPath(new URL("../../../test-support/watch-child.ts", import.meta.url));

let folder: string;
let host: ReturnType<typeof crashDeployer>;
const children: ChildProcess[] = [];

interface Watcher {
  readonly child: ChildProcess;
  readonly leads: () => boolean;
  readonly said: (word: string) => Promise<void>;
}

const startWatcher = (failpoint = "none"): Watcher => {
  const child = spawn(process.execPath, [CHILD, folder, failpoint], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  let output = "";
  child.stdout.on("data", (data: Buffer) => {
    output += data.toString();
  });
  return {
    child,
    leads: () => output.includes("leads\n"),
    said: (word) => eventually(() => output.includes(`${word}\n`)),
  };
};

const eventually = async (check: () => boolean | Promise<boolean>) => {
  const deadline = Date.now() + 25_000;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error("it did not happen within 25 s");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

const startTraffic = async () => {
  const router = await startRouterProcess(folder, "r1");
  children.push(router.child);
  return router;
};

/** Steps of the canary as they were written down, in order. */
const steps = async () => {
  const subject = `${AGENT}@v1.1.0`;
  const events = await host.store.events({ since: 0, limit: 1000, subject });
  const wanted = ["rollout.stepped", "rollout.promoted"];
  return events.filter((event) => wanted.includes(event.type)).map((event) => event.type);
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "modelops-watchers-"));
  await mkdir(join(folder, "config"));
  await writeFile(join(folder, "config", "models.yaml"), HOST_YAML);
  host = crashDeployer(folder);
  for (const version of ["v1.0.0", "v1.1.0"]) {
    await host.registry.addVersion({
      agent: AGENT,
      version,
      modelId: `org/${version}`,
      trainingConfig: { baseModel: "b", trainingMethod: "sft", trainingDataset: "d" },
      evalScores: { accuracy: 1 },
    });
  }
  await host.deployer.deploy({ agent: AGENT, version: "v1.0.0", rollout: "immediate" });
  const rollout = {
    steps: [{ sharePct: 20, minimumSessions: 40 }, { sharePct: 50, minimumSessions: 40 }, { sharePct: 100 }],
  };
  await host.deployer.deploy({ agent: AGENT, version: "v1.1.0", rollout });
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await host.close();
  await rm(folder, { recursive: true, force: true });
});

describe("auto-pilots in several processes", () => {
  it("have one leader; when it is killed another goes on, and each step is taken once", async () => {
    const watchers = [startWatcher(), startWatcher(), startWatcher()];
    await eventually(() => watchers.some((watcher) => watcher.leads()));
    await new Promise((resolve) => setTimeout(resolve, 300));
    const leaders = watchers.filter((watcher) => watcher.leads());
    expect(leaders).toHaveLength(1);
    leaders[0]?.child.kill("SIGKILL");
    const others = watchers.filter((watcher) => watcher !== leaders[0]);
    await eventually(() => others.some((watcher) => watcher.leads()));
    await startTraffic();
    await Promise.all(others.map((watcher) => watcher.said("promoted")));
    expect(others.filter((watcher) => watcher.leads())).toHaveLength(1);
    expect(await steps()).toEqual(["rollout.stepped", "rollout.promoted"]);
  });

  it("finish a step whose process died in the middle of it", async () => {
    const dying = startWatcher("S5.committed");
    await startTraffic();
    await eventually(() => dying.child.signalCode === "SIGKILL");
    expect((await host.deployer.status({ agent: AGENT })).openOperation).not.toBeNull();
    await startWatcher().said("promoted");
    expect((await host.deployer.status({ agent: AGENT })).baseline?.version).toBe("v1.1.0");
    expect(await steps()).toEqual(["rollout.stepped", "rollout.promoted"]);
  });
});
