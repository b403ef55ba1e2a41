import { spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { crashDeployer } from "../../test-support/crash-host.ts";
import { HOST_YAML } from "../../test-support/deployment-host.ts";
import { remoteVersions } from "../../test-support/file-target.ts";
import { parseRoutingTable } from "../model/routing-table.ts";
import { readYamlValue } from "./yaml/document.ts";

const AGENT = "feature_dev";
const CHILD = fileURLToPath(new URL("../../test-support/crash-child.ts", import.meta.url));

/** Every step of each operation, before and after what it writes. */
const POINTS = {
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
  rollback: ["R1.before", "R1.after", "R2.after", "R3.before", "R3.after", "R4.after", "R5.after"],
} as const;
type OperationName = keyof typeof POINTS;

let base: string;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), "modelops-crash-"));
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
  await cp(prepared, join(base, "promote"), { recursive: true });
  const canary = crashDeployer(join(base, "promote"));
  await canary.deployer.deploy({ agent: AGENT, version: "v1.1.0" });
  await canary.close();
  await cp(join(base, "promote"), join(base, "rollback"), { recursive: true });
  const promoted = crashDeployer(join(base, "rollback"));
  await promoted.deployer.promote({ agent: AGENT, to: 100 });
  await promoted.close();
});
afterAll(() => rm(base, { recursive: true, force: true }));

/** Resolves with how the child ended: "SIGKILL", or "0" when it never reached the point. */
const runChild = (folder: string, operation: string, failpoint: string) =>
  new Promise<string>((resolve, reject) => {
    const child = spawn(process.execPath, [CHILD, folder, operation, failpoint], {
      stdio: ["ignore", "ignore", "pipe"],
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
const checkInvariants = async (folder: string, operation: OperationName) => {
  const host = crashDeployer(folder);
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
      rollback: [
        ["v1.0.0", null],
        ["v1.1.0", null],
      ],
    }[operation];
    expect(outcomes).toContainEqual(seen);
    const again = await host.deployer.reconcile();
    expect(again.agents.flatMap((agent) => agent.actions)).toEqual([]);
    return seen;
  } finally {
    await host.close();
  }
};

for (const operation of Object.keys(POINTS) as OperationName[]) {
  describe(`a ${operation} killed at any step`, () => {
    const cases = POINTS[operation].map((point, index) => ({ point, index }));
    it.concurrent.each(cases)(
      "$point: one reconcile makes it whole, also when that is killed too",
      async ({ point, index }) => {
        const folder = join(base, `${operation}-${index}`);
        await cp(join(base, operation), folder, { recursive: true });
        expect(await runChild(folder, operation, point)).toBe("SIGKILL");
        // The recovery is killed at the last step it reaches; where it has nothing to do it just ends.
        const last = operation === "rollback" ? "R4.after" : "S6.before";
        await runChild(folder, "reconcile", last);
        const seen = await checkInvariants(folder, operation);
        const isPastReturn = /^(S5\.(committed|config|published)|S6|R1\.after|R2|R3|R4|R5)/.test(point);
        const done = { deploy: "v1.1.0", promote: "v1.1.0", rollback: "v1.0.0" }[operation];
        if (isPastReturn) expect(seen).toContain(done);
        if (point.endsWith("1.before") && operation === "rollback") expect(seen[0]).toBe("v1.1.0");
      },
    );
  });
}
