import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DeployTarget, TargetDeployment } from "../src/contract/deploy-target.ts";
import { echoModel } from "./deployment-host.ts";

/** A target whose deployments are files, so that they outlive the process that made them, as remote ones do. */
export function fileTarget(folder: string): DeployTarget {
  mkdirSync(folder, { recursive: true });
  const fileOf = (agent: string, version: string) => join(folder, `${agent}@${version}.json`);
  return {
    contract: "deploy-target/v1",
    id: "remote",
    capabilities: { servesArtifacts: true, removable: true, scaleToZero: false },
    async check() {
      const price = {
        inputUsdPerMillionTokens: 0,
        outputUsdPerMillionTokens: 0,
        usdPerHour: 0,
        source: "a file",
      };
      return { canServe: true, problems: [], price, contextLength: null, notes: [] };
    },
    async deploy({ model: { agent, version, modelId }, owner = null }) {
      const deployment: TargetDeployment = {
        targetId: "remote",
        deploymentId: `remote-${agent}-${version}`,
        modelId,
        agent,
        version,
        configValue: modelId,
        baseUrl: null,
        details: {},
      };
      writeFileSync(fileOf(agent, version), JSON.stringify({ ...deployment, owner }));
      return deployment;
    },
    async status({ agent, version }) {
      const exists = readdirSync(folder).includes(`${agent}@${version}.json`);
      return { state: exists ? "ready" : "absent", message: null, costUsdPerHour: 0 };
    },
    async remove({ agent, version }) {
      rmSync(fileOf(agent, version), { force: true });
    },
    async list({ owner }) {
      const files = readdirSync(folder).map((name) => join(folder, name));
      return files
        .map((file) => ({ file, ...JSON.parse(readFileSync(file, "utf8")) }))
        .filter((resource) => resource.owner === owner)
        .map(({ file, deploymentId }) => ({
          deploymentId,
          state: "ready" as const,
          costUsdPerHour: 0,
          createdAt: null,
          remove: async () => rmSync(file, { force: true }),
        }));
    },
    async chatModel(deployment) {
      readFileSync(fileOf(deployment.agent, deployment.version));
      return echoModel(deployment.version);
    },
  };
}

/** Versions that have a resource, sorted. */
export function remoteVersions(folder: string): readonly string[] {
  return readdirSync(folder)
    .map((name) => name.slice(name.indexOf("@") + 1, -".json".length))
    .sort();
}
