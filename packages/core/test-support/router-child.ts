/**
 * A host process: follows a table and answers sessions as fast as it can. `node router-child.ts <folder> <routerId> <flushEveryMs>`.
 * Prints "ready"; on "freeze" it stops without ending; on "break <version>" that version gives errors from then on; on
 * "stop" it prints one JSON line: what each version answered, when the last time was, and the same for what it failed.
 */
import { writeSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { ChatModel } from "../src/contract/chat-model.ts";
import { sqliteStore } from "../src/registry/sqlite/sqlite-store.ts";
import { createRouter } from "../src/rollout/router.ts";
import { echoModel } from "./deployment-host.ts";

const [folder = "", routerId = "", flushEveryMs = ""] = process.argv.slice(2);
const store = sqliteStore({ path: join(folder, "modelops.db") });
const router = createRouter({
  file: join(folder, "config", "routing.json"),
  store,
  routerId,
  flushEveryMs: Number(flushEveryMs),
  pollEveryMs: 500,
});
const broken = new Set<string>();
const served: Record<string, { count: number; lastAt: number }> = {};
const count = (name: string) => {
  served[name] = { count: (served[name]?.count ?? 0) + 1, lastAt: Date.now() };
};
const counted = (version: string): ChatModel => {
  const model = echoModel(version, broken);
  return {
    ...model,
    async generate(request) {
      // The call counts when it ends, as a user would see it.
      return model
        .generate(request)
        .finally(() => count(broken.has(version) ? `failed ${version}` : version));
    },
  };
};
const chat = router.wrap({ agent: "feature_dev", models: ({ version }) => counted(version) });
let running = true;
let session = 0;

const input = createInterface({ input: process.stdin });
input.on("line", (line) => {
  const [command, version = ""] = line.split(" ");
  if (command === "freeze") {
    // From inside, where no transaction is open: a process stopped from outside may hold the store's lock for ever.
    writeSync(1, "frozen\n");
    process.kill(process.pid, "SIGSTOP");
  } else if (command === "break") broken.add(version);
  else running = false;
});
input.on("close", () => {
  running = false;
});

await chat.generate({ messages: [] }, { sessionKey: "first" });
await router.flush();
process.stdout.write("ready\n");
while (running) {
  session += 1;
  await chat.generate({ messages: [] }, { sessionKey: `${routerId}-${session}` });
  await new Promise((resolve) => setTimeout(resolve, 2));
}
await router.close();
await store.close();
process.stdout.write(`${JSON.stringify(served)}\n`);
input.close();
process.stdin.destroy();
