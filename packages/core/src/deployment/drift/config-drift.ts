import type { DeployerContext } from "../deployer-context.ts";
import { readHostFile } from "../host-config/host-file.ts";
import { effectiveModel } from "../host-config/models-config.ts";
import type { Serving } from "../state/serving.ts";
import type { Drift } from "./drift.ts";

/** Whether the host's own file names the model in use. One that no deployment has edited is the host's affair. */
export async function configDrift(context: DeployerContext, serving: Serving): Promise<readonly Drift[]> {
  const config = context.hostConfig;
  const isManaged = serving.history.some((entry) => entry.configEdit !== null);
  if (!config || !isManaged || serving.openOperationId) return [];
  const { agent, baseline } = serving;
  const place = { agent, place: "host-config" as const, expected: baseline.configValue };
  try {
    const { source } = await readHostFile(config.file);
    const { value } = effectiveModel(config, source, agent, baseline.targetId);
    if (value === baseline.configValue) return [];
    const fix = `set it back to ${baseline.configValue}, or deploy the version that ${value} belongs to.`;
    return [{ ...place, found: value, problem: null, fix }];
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return [{ ...place, found: null, problem, fix: "repair the file; the last good table keeps serving." }];
  }
}
