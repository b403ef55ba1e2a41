/** Starts a Hub twin for the Python tests: prints one JSON line, lives until its standard input closes. */
import { startHubTwin } from "../src/hub/start-hub-twin.ts";

const options = JSON.parse(process.argv[2] ?? "{}") as { readonly execute?: boolean };
const twin = await startHubTwin({
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
});
console.log(JSON.stringify({ url: twin.url, token: twin.token }));
process.stdin.resume();
process.stdin.on("end", () => {
  twin.close().then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
