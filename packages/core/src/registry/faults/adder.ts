import { completeRuntime } from "../../runtime.ts";
import { Registry } from "../registry.ts";
import { sqliteStore } from "../sqlite/sqlite-store.ts";

// A child process of the test of many processes: adds versions of one agent and prints their names.
const [path = "", count = "0"] = process.argv.slice(2);
const store = sqliteStore({ path });
const registry = new Registry(completeRuntime({ store, home: "." }), { registryJson: false });
const trainingConfig = { baseModel: "b", trainingMethod: "sft", trainingDataset: "d" };
const names: string[] = [];
for (let index = 0; index < Number(count); index += 1) {
  const { version } = await registry.addVersion({
    agent: "feature_dev",
    modelId: "m",
    trainingConfig,
    bump: "patch",
  });
  names.push(version);
}
await store.close();
process.stdout.write(JSON.stringify(names));
