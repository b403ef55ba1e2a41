import { writeSync } from "node:fs";
import { checkDataset, exportDataset } from "@modelops/core";

/** One measurement in a process of its own: `check` or `export` of a file. Prints JSON on descriptor 3. */
const [what, path = "", output = ""] = process.argv.slice(2);
const started = performance.now();
const check =
  what === "check"
    ? await checkDataset(`file:${path}`, "sft")
    : (await exportDataset(`file:${path}`, "sft", { path: output })).check;
const milliseconds = performance.now() - started;
const { user, system } = process.cpuUsage();
const peakMiB = process.resourceUsage().maxRSS / 1024;
writeSync(
  3,
  JSON.stringify({ milliseconds, cpuMilliseconds: (user + system) / 1000, peakMiB, rows: check.usableRows }),
);
