import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RollbackVerification } from "../src/deployment/verification/rollback-verification.ts";
import type { RolloutPlan } from "../src/model/rollout-plan.ts";
import { crashDeployer } from "./crash-host.ts";
import { HOST_YAML } from "./deployment-host.ts";
import { type RouterProcess, startRouterProcess } from "./router-process.ts";

const AGENT = "feature_dev";
const HALF: RolloutPlan = { steps: [{ sharePct: 50 }] };
/** Never advances by itself: it ends by its alarm. */
const WATCHED: RolloutPlan = { steps: [{ sharePct: 20, minimumSessions: 1e9 }, { sharePct: 100 }] };
const WATCH_LIMIT_MS = 60_000;
const BEFORE_BREACH_MS = 500;

/** What a fault of a canary did before the auto-pilot had taken it back. Milliseconds from the first fault. */
export interface Breach {
  /** When `watch()` had proven the rollback. */
  readonly rolledBackMs: number;
  /** When the last request that the bad version failed ended. */
  readonly lastBadRequestMs: number;
  /** Requests the bad version failed, each answered by the baseline in its place. */
  readonly badRequests: number;
}

/** A host of several processes that answer sessions through routers as fast as they can. */
export interface Rehearsal {
  /** Deploys a canary to half of the sessions and takes it back. */
  rollback(): Promise<RollbackVerification>;
  /** Deploys a canary to a fifth, lets it give errors, and leaves the rest to the auto-pilot. */
  breach(): Promise<void>;
  /** Ends the processes and tells of the breaches, in their order. */
  end(): Promise<readonly Breach[]>;
}

export async function startRehearsal(options: {
  readonly processes: number;
  readonly flushEveryMs?: number;
}): Promise<Rehearsal> {
  const folder = await mkdtemp(join(tmpdir(), "modelops-rollbacks-"));
  await mkdir(join(folder, "config"));
  await writeFile(join(folder, "config", "models.yaml"), HOST_YAML);
  const host = crashDeployer(folder);
  const faults: { readonly version: string; readonly brokeAt: number; readonly rolledBackAt: number }[] = [];
  let versions = 0;
  const addVersion = async () => {
    const version = `v1.${versions}.0`;
    versions += 1;
    await host.registry.addVersion({
      agent: AGENT,
      version,
      modelId: `org/${version}`,
      trainingConfig: { baseModel: "b", trainingMethod: "sft", trainingDataset: "d" },
      evalScores: { accuracy: 1 },
    });
    return version;
  };
  await host.deployer.deploy({ agent: AGENT, version: await addVersion(), rollout: "immediate" });
  const candidate = await addVersion();
  const names = Array.from({ length: options.processes }, (_, index) => `r${index}`);
  const processes: readonly RouterProcess[] = await Promise.all(
    names.map((name) => startRouterProcess(folder, name, options)),
  );
  return {
    async rollback() {
      await host.deployer.deploy({ agent: AGENT, version: candidate, rollout: HALF });
      return (await host.deployer.rollback({ agent: AGENT, reason: "a rehearsal" })).verification;
    },
    async breach() {
      const version = await addVersion();
      await host.deployer.deploy({ agent: AGENT, version, rollout: WATCHED });
      const watching = host.deployer.watch({ agent: AGENT, signal: AbortSignal.timeout(WATCH_LIMIT_MS) });
      await new Promise((resolve) => setTimeout(resolve, BEFORE_BREACH_MS));
      const brokeAt = Date.now();
      for (const each of processes) each.breakVersion(version);
      const { state } = await watching;
      if (state !== "rolled-back") throw new Error(`the rollout ended as ${state}`);
      faults.push({ version, brokeAt, rolledBackAt: Date.now() });
    },
    async end() {
      const served = await Promise.all(processes.map((each) => each.stop()));
      await host.close();
      await rm(folder, { recursive: true, force: true });
      return faults.map(({ version, brokeAt, rolledBackAt }) => {
        const failed = served.flatMap((each) => each[`failed ${version}`] ?? []);
        return {
          rolledBackMs: rolledBackAt - brokeAt,
          lastBadRequestMs: Math.max(0, ...failed.map(({ lastAt }) => lastAt - brokeAt)),
          badRequests: failed.reduce((sum, { count }) => sum + count, 0),
        };
      });
    },
  };
}

/** Quantile of times, nearest rank. */
export function quantile(times: readonly number[], share: number): number {
  const sorted = times.toSorted((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
