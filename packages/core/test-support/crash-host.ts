import { join } from "node:path";
import { Deployer } from "../src/deployment/deployer.ts";
import type { RetirementOptions } from "../src/deployment/retirement/retirement-options.ts";
import { Registry } from "../src/registry/registry.ts";
import { sqliteStore } from "../src/registry/sqlite/sqlite-store.ts";
import { completeRuntime } from "../src/runtime.ts";
import { fileTarget } from "./file-target.ts";

/** A deployer on real files in a folder, as two processes would open it one after the other. */
export function crashDeployer(
  folder: string,
  failpoint: (point: string) => void | Promise<void> = () => {},
  retirement: RetirementOptions = {},
) {
  const store = sqliteStore({ path: join(folder, "modelops.db") });
  const runtime = completeRuntime({ store, home: join(folder, "home") });
  const registry = new Registry(runtime, { registryJson: false });
  const modelsYaml = join(folder, "config", "models.yaml");
  const routingFile = join(folder, "config", "routing.json");
  const deployer = new Deployer(runtime, {
    registry,
    targets: [fileTarget(join(folder, "remote"))],
    routingFile,
    hostConfig: { file: modelsYaml, paths: { remote: "openrouter.agent_models.<agent>" } },
    verification: { limitMs: 2000, pollEveryMs: 10 },
    failpoint,
    retirement,
  });
  return {
    deployer,
    registry,
    store,
    runtime,
    modelsYaml,
    routingFile,
    async close() {
      await registry.close();
      await store.close();
    },
  };
}
