import { spawn } from "node:child_process";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { readYamlValue } from "../src/deployment/yaml/document.ts";
import { parseRoutingTable } from "../src/model/routing-table.ts";
import { crashDeployer } from "./crash-host.ts";
import { HOST_YAML } from "./deployment-host.ts";
import { remoteVersions } from "./file-target.ts";

const AGENT = "feature_dev";
const CHILD = fileURLToPath(new URL("./crash-child.ts", import.meta.url));

/** Every step of each operation, before and after what it writes. */
export const CRASH_POINTS = {
  deploy: [
    "S1.before",
    "S1.after",
    "S2.before",
    "S2.after",
    "S3.after",
    "S4.before",
    "S4.after",
    "S5.before",
    "S5.committed",
    "S5.published",
    "S6.before",
    "S6.after",
  ],
  immediate: [
    "S1.after",
    "S2.after",
    "S3.after",
    "S4.after",
    "S5.before",
    "S5.committed",
    "S5.config-before",
    "S5.config-written",
    "S5.published",
    "S6.before",
    "S6.after",
  ],
  promote: [
    "S1.before",
    "S1.after",
    "S5.before",
    "S5.committed",
    "S5.config-before",
    "S5.config-written",
    "S5.published",
    "S6.before",
    "S6.after",
  ],
  rollback: [
    "R1.before",
    "R1.after",
    "R2.after",
    "R3.before",
    "R3.after",
    "R4.after",
    "R5.after",
    "retire.begun",
    "retire.freed",
  ],
  "rollback-blind": ["R1.after", "R2.after", "R3.before", "R4.after", "R5.after"],
} as const;
export type CrashOperation = keyof typeof CRASH_POINTS;

/** Makes a folder per operation, in the state in which it begins. */
export async function prepareCrashFolders(base: string): Promise<void> {
  const prepared = join(base, "deploy");
  await mkdir(join(prepared, "config"), { recursive: true });
  await writeFile(join(prepared, "config", "models.yaml"), HOST_YAML);
  const host = crashDeployer(prepared);
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
  await host.close();
  await cp(prepared, join(base, "immediate"), { recursive: true });
  await cp(prepared, join(base, "promote"), { recursive: true });
  const canary = crashDeployer(join(base, "promote"));
  await canary.deployer.deploy({ agent: AGENT, version: "v1.1.0" });
  await canary.close();
  await cp(join(base, "promote"), join(base, "rollback"), { recursive: true });
  const promoted = crashDeployer(join(base, "rollback"));
  await promoted.deployer.promote({ agent: AGENT, to: 100 });
  await promoted.close();
  await cp(join(base, "rollback"), join(base, "rollback-blind"), { recursive: true });
  // One that ends by itself leaves the compiled modules to all that are killed.
  await runCrashChild(join(base, "deploy"), "none", "none");
}

/** Runs a child in one of the prepared folders. Resolves with how the child ended: "SIGKILL", or "0" when it never reached the point. */
export const runCrashChild = (folder: string, operation: string, failpoint: string) =>
  new Promise<string>((resolve, reject) => {
    const child = spawn(process.execPath, [CHILD, folder, operation, failpoint], {
      stdio: ["ignore", "ignore", "pipe"],
      // Most of a child's time was compiling the same modules again.
      env: { ...process.env, NODE_COMPILE_CACHE: join(dirname(folder), "compiled") },
    });
    let errors = "";
    child.stderr.on("data", (data: Buffer) => {
      errors += data.toString();
    });
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      if (signal === "SIGKILL" || code === 0) resolve(signal ?? "0");
      else reject(new Error(`the child ended with ${code}: ${errors}`));
    });
  });

/** What must hold after one reconcile, whatever happened before. */
export const checkInvariants = async (folder: string, operation: CrashOperation) => {
  const host = crashDeployer(folder, undefined, { unprovenAfterMs: 0 });
  try {
    const report = await host.deployer.reconcile();
    expect(report.agents.map((agent) => agent.problem)).toEqual([null]);
    expect(report.drift).toEqual([]);
    const status = await host.deployer.status({ agent: AGENT });
    expect(status.openOperation).toBeNull();
    const { records } = await host.store.list({ collection: "operations", terms: ["state:open"], limit: 10 });
    expect(records).toEqual([]);
    const table = parseRoutingTable(await readFile(host.routingFile, "utf8"));
    const arms = table.agents[AGENT]?.arms ?? [];
    expect(table.agents[AGENT]?.generation).toBe(status.generation);
    expect(arms.reduce((sum, arm) => sum + arm.share, 0)).toBe(100);
    const remote = remoteVersions(join(folder, "remote"));
    for (const arm of arms) expect(remote).toContain(arm.version);
    // What can be gone back to is there; anything else is freed, and nothing is forgotten.
    const needed = [...arms.map((arm) => arm.version), ...status.rollbackTo];
    expect(remote.filter((version) => !needed.includes(version))).toEqual([]);
    expect(report.targets).toEqual([{ target: "remote", orphans: [], lent: [], problem: null }]);
    expect(report.idle).toEqual([]);
    const named = readYamlValue(await readFile(host.modelsYaml, "utf8"), [
      "openrouter",
      "agent_models",
      AGENT,
    ]);
    expect(named).toBe(status.baseline?.configValue);
    const pointers = await host.registry.pointers({ agent: AGENT });
    expect(pointers.current).toBe(status.baseline?.version);
    expect(pointers.canary?.version ?? null).toBe(status.canary?.version ?? null);
    expect((await host.registry.audit.verify()).isValid).toBe(true);
    // Either all of it happened or nothing did.
    const seen = [status.baseline?.version, status.canary?.version ?? null];
    const outcomes = {
      deploy: [
        ["v1.0.0", "v1.1.0"],
        ["v1.0.0", null],
      ],
      promote: [
        ["v1.1.0", null],
        ["v1.0.0", "v1.1.0"],
      ],
      immediate: [
        ["v1.1.0", null],
        ["v1.0.0", null],
      ],
      rollback: [
        ["v1.0.0", null],
        ["v1.1.0", null],
      ],
      "rollback-blind": [["v1.0.0", null]],
    }[operation];
    expect(outcomes).toContainEqual(seen);
    const again = await host.deployer.reconcile();
    expect(again.agents.flatMap((agent) => agent.actions)).toEqual([]);
    return seen;
  } finally {
    await host.close();
  }
};
