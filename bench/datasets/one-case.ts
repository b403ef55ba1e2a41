import { writeSync } from "node:fs";

/** One measurement in a process of its own: `check` or `export` of a file by the built library. Prints JSON on descriptor 3. */
const [what, library = "", path = "", output = ""] = process.argv.slice(2);
const { checkDataset, exportDataset } = (await import(library)) as typeof import("@modelops/core");
const before = process.cpuUsage();
const started = performance.now();
const check =
  what === "check"
    ? await checkDataset(`file:${path}`, "sft")
    : (await exportDataset(`file:${path}`, "sft", { path: output })).check;
const milliseconds = performance.now() - started;
const { user, system } = process.cpuUsage(before);
const peakBytes = process.resourceUsage().maxRSS * 1024;
writeSync(
  3,
  JSON.stringify({
    milliseconds,
    cpuMilliseconds: (user + system) / 1000,
    peakBytes,
    rows: check.usableRows,
    version: "",
  }),
);
