import { createHash } from "node:crypto";
import { access, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ModelOpsError } from "../../../errors/modelops-error.ts";
import { withExclusiveLock } from "./exclusive-lock.ts";
import { environmentProgram, findUv } from "./find-uv.ts";
import { installFailure } from "./install-failure.ts";
import { freeDiskBytes } from "./machine.ts";
import { runCommand } from "./run-command.ts";
import type { ScriptHeader } from "./script-header.ts";

const PROBE_SECONDS = "6";
const GB = 1e9;
const LARGE_MODULES = ["torch", "transformers", "datasets", "peft", "trl"];

/**
 * Two builds of torch. The CPU one is small but comes from PyTorch's own index; the one on PyPI brings the CUDA
 * libraries on Linux. Sizes were measured on Linux x86_64 with the pins of the packaged scripts.
 */
type TorchVariant = "cpu" | "default";

interface VariantSize {
  readonly downloadBytes: number;
  readonly diskBytes: number;
}

function variantSize(variant: TorchVariant, header: ScriptHeader): VariantSize {
  if (!pins(header, "torch")) return { downloadBytes: 0.1 * GB, diskBytes: 0.3 * GB };
  const hasCudaWheels = variant === "default" && process.platform === "linux";
  return hasCudaWheels
    ? { downloadBytes: 2.9 * GB, diskBytes: 5.6 * GB }
    : { downloadBytes: 0.5 * GB, diskBytes: 1.6 * GB };
}

function pins(header: ScriptHeader, name: string): boolean {
  return header.dependencies.some((dependency) => dependency.startsWith(`${name}==`));
}

export interface EnvironmentOptions {
  readonly home: string;
  readonly header: ScriptHeader;
  readonly hasAccelerator: boolean;
  /** Interpreter (path or version) to build on. */
  readonly python?: string;
  readonly uv?: string;
  readonly env: NodeJS.ProcessEnv;
  readonly report: (message: string) => void;
  readonly signal?: AbortSignal;
}

/** What `readyEnvironment` would still have to fetch; null when the environment is there. */
export async function missingEnvironment(
  options: Pick<EnvironmentOptions, "home" | "header" | "hasAccelerator" | "python">,
): Promise<VariantSize | null> {
  if (await existingEnvironment(options)) return null;
  // Whether the small build can be reached is only known when it is tried: the larger figure is the honest one.
  const variant = options.hasAccelerator || process.platform === "linux" ? "default" : "cpu";
  return variantSize(variant, options.header);
}

/**
 * A private Python environment with exactly the script's pins; its interpreter's path. It is built under a
 * temporary name and renamed when it is complete, so a half-built one is never used; downloads that were cut off go
 * on from uv's cache. Two processes never build the same one twice.
 */
export async function readyEnvironment(options: EnvironmentOptions): Promise<string> {
  const existing = await existingEnvironment(options);
  if (existing) return existing;
  return await withExclusiveLock(
    join(environmentsFolder(options.home), "build.lock"),
    async () => (await existingEnvironment(options)) ?? (await build(options)),
    {
      signal: options.signal,
      onWait: () => options.report("Waiting for another process that builds the environment."),
    },
  );
}

function environmentsFolder(home: string): string {
  return join(home, "environments");
}

function environmentFolder(
  options: Pick<EnvironmentOptions, "home" | "header" | "python">,
  variant: TorchVariant,
): string {
  const { requiresPython, dependencies, excludeNewer } = options.header;
  const identity = JSON.stringify([
    requiresPython,
    [...dependencies].sort(),
    excludeNewer,
    options.python ?? null,
    variant,
  ]);
  const hash = createHash("sha256").update(identity).digest("hex").slice(0, 16);
  return join(environmentsFolder(options.home), hash);
}

function pythonIn(folder: string): string {
  return join(folder, environmentProgram("python"));
}

async function existingEnvironment(
  options: Pick<EnvironmentOptions, "home" | "header" | "hasAccelerator" | "python">,
): Promise<string | null> {
  const variants: TorchVariant[] = options.hasAccelerator ? ["default"] : ["cpu", "default"];
  for (const variant of variants) {
    const python = pythonIn(environmentFolder(options, variant));
    // The link's target may be gone after an upgrade of the system's Python.
    if (
      await access(python).then(
        () => true,
        () => false,
      )
    )
      return python;
  }
  return null;
}

async function build(options: EnvironmentOptions): Promise<string> {
  const { home, header, report } = options;
  const folder = environmentsFolder(home);
  for (const name of await readdir(folder)) {
    if (name.startsWith("building-")) await rm(join(folder, name), { recursive: true, force: true });
  }
  const uv = await findUv(options);
  const variant = await chooseVariant(uv, options);
  const size = variantSize(variant, header);
  report(
    `Installing ${header.dependencies.join(", ") || "Python"} into ${folder}: downloads up to ${gigabytes(size.downloadBytes)} ` +
      `(less what is in uv's cache) and takes ${gigabytes(size.diskBytes)} on disk.`,
  );
  const freeBytes = await freeDiskBytes(folder);
  if (freeBytes < size.diskBytes) {
    throw new ModelOpsError({
      code: "training/disk-full",
      message: "There is not enough disk space for the training environment.",
      reason: `It needs ${gigabytes(size.diskBytes)}; ${gigabytes(freeBytes)} are free at ${folder}.`,
      fix: "free space, or give another place with local({ home }).",
      details: { neededBytes: size.diskBytes, freeBytes },
    });
  }
  const target = environmentFolder(options, variant);
  const building = join(folder, `building-${process.pid}-${Date.now().toString(36)}`);
  try {
    const python = options.python ?? header.requiresPython ?? ">=3.11";
    await step([...uv, "venv", "--quiet", "--relocatable", "--python", python, building], options);
    if (header.dependencies.length > 0)
      await step(installCommand(uv, variant, pythonIn(building), header), options);
    const modules = LARGE_MODULES.filter((name) => pins(header, name));
    // Imports once what every job imports: a broken set is found now, and the compiled files are there later.
    if (modules.length > 0) await step([pythonIn(building), "-c", `import ${modules.join(", ")}`], options);
    await writeFile(
      join(building, "modelops.json"),
      `${JSON.stringify({ v: 1, variant, ...header }, null, 2)}\n`,
    );
    await rm(target, { recursive: true, force: true });
    await rename(building, target);
  } finally {
    await rm(building, { recursive: true, force: true });
  }
  report("The training environment is ready.");
  return pythonIn(target);
}

async function chooseVariant(uv: readonly string[], options: EnvironmentOptions): Promise<TorchVariant> {
  // Elsewhere than on Linux the wheel on PyPI is the small one.
  if (options.hasAccelerator || process.platform !== "linux") return "default";
  const torch = options.header.dependencies.find((dependency) => /^torch==/.test(dependency));
  if (!torch) return "default";
  const probe = await runCommand(
    [
      ...uv,
      "pip",
      "install",
      "--dry-run",
      "--no-deps",
      "--torch-backend=cpu",
      "--target",
      environmentsFolder(options.home),
      torch,
    ],
    {
      signal: options.signal,
      env: { ...options.env, UV_HTTP_TIMEOUT: PROBE_SECONDS, UV_HTTP_RETRIES: "0" },
      timeoutMs: 20_000,
    },
  );
  if (probe.exitCode === 0) return "cpu";
  options.report("The small CPU build of torch cannot be reached from here; taking the one on PyPI.");
  return "default";
}

function installCommand(
  uv: readonly string[],
  variant: TorchVariant,
  python: string,
  header: ScriptHeader,
): readonly string[] {
  const command = [...uv, "pip", "install", "--python", python];
  if (variant === "cpu") {
    // PyTorch's index gives no upload times, so a date limit would hide all of it; the pins are exact anyway.
    command.push("--torch-backend=cpu");
  } else if (header.excludeNewer) command.push("--exclude-newer", header.excludeNewer);
  return [...command, ...header.dependencies];
}

async function step(command: readonly string[], options: EnvironmentOptions): Promise<void> {
  const result = await runCommand(command, {
    signal: options.signal,
    env: options.env,
    onErrorLine: (line) => {
      if (/^\s*(Downloading|Downloaded|Resolved|Prepared|Installed)\b/.test(line))
        options.report(line.trim());
    },
  });
  if (result.exitCode === 0) return;
  throw installFailure({
    what: "The training environment could not be built.",
    lines: result.startError ? [String(result.startError)] : result.errorLines,
    folder: options.home,
  });
}

function gigabytes(bytes: number): string {
  return `${(bytes / GB).toFixed(1)} GB`;
}
