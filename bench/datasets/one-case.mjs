import { writeSync } from "node:fs";

// One measurement in a process of its own: `check` or `export` of a file by the built library. Prints JSON on descriptor 3.
// No TypeScript: what strips the types would be a quarter of the memory that is measured.
const [what, library = "", path = "", output = ""] = process.argv.slice(2);
const { checkDataset, exportDataset } = await import(library);
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
