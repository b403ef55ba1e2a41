/**
 * The suite that needs Python: the training scripts by pytest, then the loop with real training by vitest.
 * Uses the uv that the local training backend would use, and one cache for both.
 */
import { spawnSync } from "node:child_process";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findUv } from "../packages/core/src/training/backends/local/find-uv.ts";

const PINS = [
  "pytest==9.0.2",
  "trl==1.16.0",
  "peft==0.21.2",
  "transformers==5.23.0",
  "datasets==5.2.0",
  "accelerate==1.15.0",
  "torch==2.15.0",
  "tensorboard==2.21.0",
];

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

function run(command: string, args: readonly string[]): number {
  console.log(`$ ${[command, ...args].join(" ")}`);
  const result = spawnSync(command, args, { cwd: root, stdio: "inherit", env: environment });
  if (result.error) throw result.error;
  return result.status ?? 1;
}

const [uv = "uv", ...uvArguments] = await findUv({
  home: join(root, "examples", "quickstart", ".modelops"),
  env: process.env,
  report: (message) => console.log(message),
});

// Jobs that the twin really runs call uv by its name, as on the machines of the service.
const binary = uvArguments.length === 0 ? uv : uvBesidePython();
const environment = { ...process.env, PATH: [dirname(binary), process.env.PATH].join(delimiter) };

function uvBesidePython(): string {
  const { stdout } = spawnSync(uv, ["-c", "import uv; print(uv.find_uv_bin())"], { encoding: "utf8" });
  return stdout.trim();
}

const pytestStatus = run(uv, [
  ...uvArguments,
  "run",
  "--no-project",
  "--exclude-newer",
  "2026-11-23T00:00:00Z",
  ...PINS.flatMap((pin) => ["--with", pin]),
  "pytest",
  "-q",
  "-rs",
  "-p",
  "no:cacheprovider",
  "packages/core/python-tests",
]);
// A process of its own: here the library keeps its own ways of uploading, and its own idea of where the Hub is.
const twinStatus = run(uv, [
  ...uvArguments,
  "run",
  "--no-project",
  "--exclude-newer",
  "2026-11-23T00:00:00Z",
  "--with",
  "pytest==9.0.2",
  "--with",
  "huggingface_hub==2.4.0",
  "--with",
  "langsmith==0.15.0",
  "--with",
  "transformers==5.23.0",
  "--with",
  "torch==2.15.0",
  "pytest",
  "-q",
  "-rs",
  "-p",
  "no:cacheprovider",
  "packages/testing/python-checks",
]);
const vitestStatus = run(join(root, "node_modules", ".bin", "vitest"), [
  "run",
  "--config",
  "vitest.python.config.ts",
]);
process.exitCode = pytestStatus || twinStatus || vitestStatus;
