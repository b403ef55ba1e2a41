/** Starts the twins for the Python tests: prints one JSON line, lives until its standard input closes. */
import { createInterface } from "node:readline";
import { systemClock } from "@modelops/core";
import { startTwins } from "../src/start-twins.ts";

const options = JSON.parse(process.argv[2] ?? "{}") as { readonly execute?: boolean };
const twins = await startTwins({
  clock: systemClock,
  hub: {
    accounts: [
      { name: "alice", tokens: [{ token: "hf_twinAlice0123456789" }] },
      { name: "poor", creditUsd: 0, tokens: [{ token: "hf_twinPoor00123456789" }] },
    ],
    repositories: [
      { name: "acme/gated", gated: "manual", files: { "config.json": "{}" } },
      { name: "acme/hidden", isPrivate: true, files: { "config.json": "{}" } },
    ],
    jobs: options.execute
      ? { execute: { env: { PATH: process.env.PATH ?? "" } } }
      : { script: [{ start: true }, { log: ["one", "two"] }, { afterMs: 300, log: "three" }, { exit: 0 }] },
  },
  endpoints: {
    times: { pendingMs: 200, initializingMs: 300, updatingMs: 200 },
    model: ({ name }) => ({ otherwise: `from the endpoint ${name}` }),
  },
});
console.log(JSON.stringify({ urls: twins.urls, token: twins.hub.token }));

// Each line of input is the message with which endpoints fail to start from now on; an empty one ends that.
for await (const line of createInterface({ input: process.stdin })) {
  twins.endpoints.failStarts(line === "" ? null : line);
  console.log("{}");
}
// A secret that was seen in the wrong place makes the exit code 1.
await twins.close();
process.exit(0);
