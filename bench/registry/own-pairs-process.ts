import { sqliteStore } from "@modelops/core";
import { timeEach } from "./measure.ts";
import { benchRegistry, registerAndPoint, TRAINING_CONFIG } from "./own-pairs.ts";

// A process of its own, as the peer's is: <database> <versions> <pairs to warm up> <pairs> → pairs per second, as JSON.
const [path = "", versions = "0", warmUp = "0", pairs = "0"] = process.argv.slice(2);
const store = sqliteStore({ path });
const registry = benchRegistry(store);
for (let index = 0; index < Number(versions); index += 1) {
  await registry.addVersion({ agent: "feature_dev", modelId: "org/model", trainingConfig: TRAINING_CONFIG });
}
await timeEach(Number(warmUp), () => registerAndPoint(registry));
const { totalMs } = await timeEach(Number(pairs), () => registerAndPoint(registry));
await store.close();
process.stdout.write(`${JSON.stringify({ pairsPerSecond: (Number(pairs) / totalMs) * 1000 })}\n`);
