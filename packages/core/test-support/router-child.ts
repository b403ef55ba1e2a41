/**
 * A host process: follows a table and answers sessions as fast as it can. `node router-child.ts <folder> <routerId>`.
 * Prints "ready"; on "freeze" it stops without ending; on "stop" it prints one JSON line: what each version answered, and
 * when the last time was.
 */
import { writeSync } from "node:fs";
import { join } from "node:path";
import { sqliteStore } from "../src/registry/sqlite/sqlite-store.ts";
import { createRouter } from "../src/rollout/router.ts";
import { echoModel } from "./deployment-host.ts";

const [folder = "", routerId = ""] = process.argv.slice(2);
const store = sqliteStore({ path: join(folder, "modelops.db") });
const router = createRouter({
  file: join(folder, "config", "routing.json"),
  store,
  routerId,
  flushEveryMs: 50,
  pollEveryMs: 500,
});
const chat = router.wrap({ agent: "feature_dev", models: ({ version }) => echoModel(version) });
const served: Record<string, { count: number; lastAt: number }> = {};
let running = true;
let session = 0;

process.stdin.on("data", (command) => {
  if (String(command).startsWith("freeze")) {
    // From inside, where no transaction is open: a process stopped from outside may hold the store's lock for ever.
    writeSync(1, "frozen\n");
    process.kill(process.pid, "SIGSTOP");
    return;
  }
  running = false;
});
process.stdin.on("end", () => {
  running = false;
});

await chat.generate({ messages: [] }, { sessionKey: "first" });
await router.flush();
process.stdout.write("ready\n");
while (running) {
  session += 1;
  const { text } = await chat.generate({ messages: [] }, { sessionKey: `${routerId}-${session}` });
  served[text] = { count: (served[text]?.count ?? 0) + 1, lastAt: Date.now() };
  await new Promise((resolve) => setTimeout(resolve, 2));
}
await router.close();
await store.close();
process.stdout.write(`${JSON.stringify(served)}\n`);
process.stdin.destroy();
