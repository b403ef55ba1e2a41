import { sqliteStore } from "@modelops/core";
import { benchRegistry, TRAINING_CONFIG } from "./own-pairs.ts";

// `node adder.ts <database> <count> <name>`: adds versions of one agent, one after the other; prints their names.
const [path = "", count = "0", name = ""] = process.argv.slice(2);
const store = sqliteStore({ path });
const registry = benchRegistry(store, name);
const versions: string[] = [];
for (let index = 0; index < Number(count); index += 1) {
  const modelId = `org/${name}-${index}`;
  const added = await registry.addVersion({ agent: "feature_dev", modelId, trainingConfig: TRAINING_CONFIG });
  versions.push(added.version);
}
await store.close();
console.log(JSON.stringify(versions));
