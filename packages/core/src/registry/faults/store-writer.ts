import { writeSync } from "node:fs";
import { sqliteStore } from "../sqlite/sqlite-store.ts";
import { updateAgent } from "../update-agent.ts";

// A child process of the kill suites: adds versions until somebody kills it. Says `try` before and `ack` after each
// commit, with a synchronous write, so that what was said survives the kill.
const [path = "", name = ""] = process.argv.slice(2);
const store = sqliteStore({ path });
const actor = { type: "system", id: name } as const;
const at = "2026-01-01T00:00:00.000Z";

for (let count = 0; ; count += 1) {
  const id = `${name}-${process.pid}-${count}`;
  writeSync(1, `try ${id}\n`);
  await updateAgent(store, "agent", async () => {
    const state = await store.get("agents", "agent", "state");
    const number = Number(state?.value.count ?? 0) + 1;
    const version = `v1.${number}.0`;
    return {
      at,
      puts: [
        {
          collection: "versions",
          key: version,
          order: String(number).padStart(9, "0"),
          value: { id, version },
        },
        { collection: "agents", key: "state", value: { count: number, current: version } },
      ],
      audit: [{ action: "version.add", actor, subject: version, evidence: { id } }],
      events: [
        {
          v: 1,
          id,
          time: at,
          type: "registry.version-added",
          agent: "agent",
          subject: version,
          data: { id },
        },
      ],
      idempotencyKey: id,
      result: version,
    };
  });
  writeSync(1, `ack ${id}\n`);
}
