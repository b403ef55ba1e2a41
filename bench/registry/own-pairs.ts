import { Registry, type RegistryStore } from "@modelops/core";

/** A registry over a store, without the export file: here it would only take turns with the commits. */
export function benchRegistry(store: RegistryStore, name = "bench"): Registry {
  const actor = { type: "service", id: name } as const;
  return new Registry({ store, home: ".", actor }, { registryJson: false });
}

export const TRAINING_CONFIG = {
  baseModel: "org/base",
  trainingMethod: "sft",
  trainingDataset: "file:train.jsonl",
};

/** Registers a version and makes it current. */
export async function registerAndPoint(registry: Registry): Promise<void> {
  const agent = "feature_dev";
  const { version } = await registry.addVersion({
    agent,
    modelId: "org/model",
    trainingConfig: TRAINING_CONFIG,
  });
  await registry.setCurrent({ agent, version });
}
