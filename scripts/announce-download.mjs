// Runs before anything is installed, so it is plain JavaScript for whatever Node the machine has (20 or later).
// Says what will be downloaded and how much room it takes, and stops early when that cannot work.
import { spawnSync } from "node:child_process";
import { existsSync, statfsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const pythonEnvironments = join(root, "examples", "quickstart", ".modelops", "environments");

/** Measured with empty caches on Linux x86_64; see bench/RESULTS.md. */
const NPM_DOWNLOAD_MB = 300;
const NPM_DISK_GB = 0.8;
const PYTHON_DOWNLOAD_GB_CPU = 0.5;
const PYTHON_DOWNLOAD_GB_CUDA = 2.9;
const PYTHON_DISK_GB = 6;

function stop(what, why, fix) {
  process.stderr.write(`${what} ${why}\nFix: ${fix}\n`);
  process.exit(1);
}

const major = Number(process.versions.node.split(".")[0]);
if (major < 20) {
  stop(
    `Node ${process.versions.node} is too old.`,
    "The setup needs Node 20 or later.",
    "install Node 20 or later and run the command again.",
  );
}
const python = spawnSync("python3", ["--version"], { encoding: "utf8" });
if (python.status !== 0) {
  stop(
    "python3 was not found.",
    "Training runs the Hugging Face libraries, which are Python packages.",
    "install python3 (3.11 or later; on Debian: apt-get install python3 python3-venv) and run the command again.",
  );
}

const hasPackages = existsSync(join(root, "node_modules", ".modules.yaml"));
const hasPython = existsSync(pythonEnvironments);
const lines = [];
if (!hasPackages) lines.push(`  JavaScript packages and Node 24: about ${NPM_DOWNLOAD_MB} MB, once`);
if (!hasPython) {
  lines.push(
    `  Python packages for training: about ${PYTHON_DOWNLOAD_GB_CPU} GB where the CPU build of torch can be had, else ${PYTHON_DOWNLOAD_GB_CUDA} GB, once`,
  );
}
if (lines.length > 0)
  process.stdout.write(`This will download, from package registries only:\n${lines.join("\n")}\n`);

const neededGb = (hasPackages ? 0 : NPM_DISK_GB) + (hasPython ? 0.2 : PYTHON_DISK_GB);
const disk = statfsSync(root);
const freeGb = (disk.bavail * disk.bsize) / 1e9;
if (freeGb < neededGb) {
  stop(
    `Only ${freeGb.toFixed(1)} GB are free on the disk.`,
    `About ${neededGb.toFixed(1)} GB are needed for what is still to be installed.`,
    "free some space and run the command again; what is already there is used again.",
  );
}
