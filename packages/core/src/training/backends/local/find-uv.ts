import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { ModelOpsError } from "../../../errors/modelops-error.ts";
import { withExclusiveLock } from "./exclusive-lock.ts";
import { installFailure } from "./install-failure.ts";
import { runCommand } from "./run-command.ts";

/** The version that is installed when the machine has none. */
const UV_VERSION = "0.13.9";
/** The oldest version that knows every flag used here. */
const OLDEST_UV = [0, 9] as const;
const UV_DOWNLOAD = "about 20 MB";

export interface FindUvOptions {
  readonly home: string;
  /** Path of a uv the caller chose. */
  readonly uv?: string;
  readonly env: NodeJS.ProcessEnv;
  readonly report: (message: string) => void;
  readonly signal?: AbortSignal;
}

/** The command that runs uv: the caller's, the one on PATH, `python3 -m uv`, or a private install under the home. */
export async function findUv(options: FindUvOptions): Promise<readonly string[]> {
  if (options.uv) {
    if (await isUsable([options.uv], options)) return [options.uv];
    throw new ModelOpsError({
      code: "training/uv-unusable",
      message: `${options.uv} is not a uv that can be used.`,
      reason: `It did not answer --version with ${OLDEST_UV.join(".")} or newer.`,
      fix: "leave the option uv out to use the one on PATH or a private install.",
    });
  }
  const privateUv = [join(privateFolder(options.home), environmentProgram("uv"))];
  for (const command of [["uv"], ["python3", "-m", "uv"], privateUv]) {
    if (await isUsable(command, options)) return command;
  }
  return await withExclusiveLock(
    join(options.home, "tools", "uv.lock"),
    async () => {
      if (!(await isUsable(privateUv, options))) await installPrivately(options);
      return privateUv;
    },
    options,
  );
}

function privateFolder(home: string): string {
  return join(home, "tools", `uv-${UV_VERSION}`);
}

/** Path of a program inside a Python environment, relative to its folder. */
export function environmentProgram(name: string): string {
  return process.platform === "win32" ? join("Scripts", `${name}.exe`) : join("bin", name);
}

async function isUsable(command: readonly string[], options: FindUvOptions): Promise<boolean> {
  const result = await runCommand([...command, "--version"], { ...options, timeoutMs: 30_000 });
  const version = /^uv (\d+)\.(\d+)/.exec(result.stdout);
  if (result.exitCode !== 0 || !version) return false;
  const [major, minor] = [Number(version[1]), Number(version[2])];
  return major > OLDEST_UV[0] || (major === OLDEST_UV[0] && minor >= OLDEST_UV[1]);
}

async function installPrivately(options: FindUvOptions): Promise<void> {
  const python = await runCommand(["python3", "--version"], { ...options, timeoutMs: 30_000 });
  if (python.exitCode !== 0) {
    throw new ModelOpsError({
      code: "training/python-missing",
      message: "Training on this machine needs python3, and there is none on PATH.",
      fix: "install Python 3.11 or newer (Debian: apt install python3 python3-venv; macOS: brew install python), or train on Hugging Face Jobs instead.",
      cause: python.startError ?? undefined,
    });
  }
  options.report(`Installing uv ${UV_VERSION} into ${options.home} (${UV_DOWNLOAD}).`);
  const target = privateFolder(options.home);
  const building = `${target}.building`;
  await mkdir(join(options.home, "tools"), { recursive: true });
  const requirement = `uv==${UV_VERSION}`;
  const attempts = [
    // A virtual environment does not touch the system's Python; some systems ship python3 without its parts.
    [
      ["python3", "-m", "venv", building],
      [join(building, environmentProgram("python")), "-m", "pip", "install", "--quiet", requirement],
    ],
    [["python3", "-m", "pip", "install", "--quiet", "--target", building, requirement]],
  ];
  let lines: readonly string[] = [];
  for (const commands of attempts) {
    await rm(building, { recursive: true, force: true });
    let isDone = true;
    for (const command of commands) {
      const result = await runCommand(command, options);
      if (result.exitCode === 0) continue;
      lines = [...lines, ...result.stdout.split("\n").filter(Boolean), ...result.errorLines];
      isDone = false;
      break;
    }
    if (isDone) {
      await rename(building, target);
      if (await isUsable([join(target, environmentProgram("uv"))], options)) return;
      await rm(target, { recursive: true, force: true });
    }
  }
  await rm(building, { recursive: true, force: true });
  throw installFailure({ what: "uv could not be installed.", lines, folder: options.home });
}
