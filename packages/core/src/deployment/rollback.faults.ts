import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { crashDeployer } from "../../test-support/crash-host.ts";
import { HOST_YAML } from "../../test-support/deployment-host.ts";
import { startRouterProcess } from "../../test-support/router-process.ts";

const AGENT = "feature_dev";
const RUNS = Number(process.env.ROLLBACK_RUNS ?? 200);
const HOSTS = 4;

it(`${RUNS} rollbacks under ${HOSTS} host processes that answer sessions: each is proven`, async () => {
  const folder = await mkdtemp(join(tmpdir(), "modelops-rollbacks-"));
  await mkdir(join(folder, "config"));
  await writeFile(join(folder, "config", "models.yaml"), HOST_YAML);
  const host = crashDeployer(folder);
  const addVersion = (version: string) =>
    host.registry.addVersion({
      agent: AGENT,
      version,
      modelId: `org/${version}`,
      trainingConfig: { baseModel: "b", trainingMethod: "sft", trainingDataset: "d" },
      evalScores: { accuracy: 1 },
    });
  await addVersion("v1.0.0");
  await addVersion("v1.1.0");
  await host.deployer.deploy({ agent: AGENT, version: "v1.0.0", rollout: "immediate" });
  const names = Array.from({ length: HOSTS }, (_, index) => `r${index}`);
  const hosts = await Promise.all(names.map((name) => startRouterProcess(folder, name)));
  const times = {
    published: [] as number[],
    acknowledged: [] as number[],
    lastRequest: [] as number[],
    total: [] as number[],
  };
  try {
    for (let run = 0; run < RUNS; run += 1) {
      await host.deployer.deploy({ agent: AGENT, version: "v1.1.0", rollout: { steps: [{ sharePct: 50 }] } });
      const { verification } = await host.deployer.rollback({ agent: AGENT, reason: `run ${run}` });
      expect(verification.missing, `run ${run}`).toEqual([]);
      expect(verification.routers).toHaveLength(HOSTS);
      times.published.push(verification.tablePublishedMs);
      times.acknowledged.push(verification.routersAcknowledgedMs ?? Number.NaN);
      times.lastRequest.push(verification.lastRequestEndedMs ?? Number.NaN);
      times.total.push(verification.totalMs);
    }
  } finally {
    await Promise.all(hosts.map((each) => each.stop()));
    await host.close();
    await rm(folder, { recursive: true, force: true });
  }
  for (const [name, values] of Object.entries(times)) {
    values.sort((left, right) => left - right);
    const at = (share: number) =>
      (values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0).toFixed(0);
    console.log(`${name.padEnd(14)} p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, worst ${at(1)} ms`);
  }
});
