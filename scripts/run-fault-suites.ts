import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

// Runs every packages/*/src/**/*.faults.ts; arguments are file filters: `npm run test:faults -- registry`.
const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const suites = globSync("packages/*/src/**/*.faults.ts", { cwd: root });
if (suites.length === 0) {
  process.stdout.write("no fault suites found\n");
  process.exit(1);
}
const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
const config = join(root, "scripts", "fault-suites.config.ts");
const { status } = spawnSync(
  process.execPath,
  [vitest, "run", "--config", config, "--root", root, ...process.argv.slice(2)],
  {
    cwd: root,
    stdio: "inherit",
  },
);
process.exit(status ?? 1);
