import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, normalize } from "node:path";
import { createInterface } from "node:readline";
import type { HubState } from "../hub/hub-state.ts";
import type { Job, JobVolume } from "./job.ts";
import type { JobRunner } from "./job-runner.ts";

export interface ExecuteOptions {
  /** Added to the job's environment: `PATH` with uv, `UV_CACHE_DIR`. The job's own variables win. */
  readonly env?: Readonly<Record<string, string>>;
  /** How long a stopped job may take before it is killed. @default 5000 */
  readonly graceMs?: number;
}

/** What of this machine's environment a container may see: enough to find programs. */
const INHERITED = [
  "PATH",
  "LANG",
  "LC_ALL",
  "TZ",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "UV_CACHE_DIR",
  "UV_PYTHON_INSTALL_DIR",
];

/**
 * Really runs the submitted command as a child process in a folder of its own, with `HF_ENDPOINT` set to the twin.
 * Volumes are copied into that folder, and arguments that name a mount path are rewritten to the copy.
 */
export function executeRunner(options: ExecuteOptions = {}): JobRunner {
  return async ({ job, hub, hubUrl, signal, start, log }) => {
    const folder = mkdtempSync(join(tmpdir(), "jobs-twin-"));
    try {
      const mounts = await mountVolumes(hub, job, folder);
      const [file = "", ...args] = [...(job.spec.command ?? []), ...(job.spec.arguments ?? [])].map((part) =>
        throughMounts(part, mounts),
      );
      const home = join(folder, "home");
      const scratch = join(folder, "tmp");
      for (const path of [home, scratch]) mkdirSync(path);
      const child = spawn(file, args, {
        cwd: folder,
        // A group of its own: what the command starts ends with it.
        detached: process.platform !== "win32",
        stdio: ["ignore", "pipe", "pipe"],
        env: {
          ...Object.fromEntries(
            INHERITED.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
          ),
          HOME: home,
          TMPDIR: scratch,
          ...options.env,
          ...job.spec.environment,
          ...job.spec.secrets,
          HF_ENDPOINT: hubUrl,
          JOB_ID: job.id,
          ACCELERATOR: "none",
          CPU_CORES: "2",
          MEMORY: "16Gi",
        },
      });
      start();
      const stopNow = () => signalGroup(child.pid, "SIGKILL");
      let killer: NodeJS.Timeout | null = null;
      const onAbort = () => {
        signalGroup(child.pid, "SIGTERM");
        killer = setTimeout(stopNow, options.graceMs ?? 5000);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      // The twin's process may end without closing it: no orphan stays behind.
      process.once("exit", stopNow);
      try {
        const readers = [child.stdout, child.stderr].map(async (stream) => {
          for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }))
            log(line);
        });
        const ended = new Promise<number>((resolve) => {
          child.once("error", (error) => {
            log(String(error));
            resolve(127);
          });
          child.once("close", (code, killedBy) => resolve(code ?? (killedBy === "SIGKILL" ? 137 : 143)));
        });
        const exitCode = await ended;
        await Promise.all(readers);
        signal.throwIfAborted();
        return { exitCode };
      } finally {
        if (killer) clearTimeout(killer);
        signal.removeEventListener("abort", onAbort);
        process.removeListener("exit", stopNow);
        stopNow();
      }
    } finally {
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    }
  };
}

async function mountVolumes(hub: HubState, job: Job, folder: string): Promise<ReadonlyMap<string, string>> {
  const mounts = new Map<string, string>();
  for (const volume of job.spec.volumes ?? []) {
    const target = join(folder, "mounts", normalize(volume.mountPath));
    mkdirSync(target, { recursive: true });
    mounts.set(volume.mountPath, target);
    for (const [path, sha256] of volumeFiles(hub, volume)) {
      const file = join(target, normalize(`/${path}`));
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, await hub.blobs.read(sha256));
    }
  }
  return mounts;
}

function volumeFiles(hub: HubState, volume: JobVolume): [path: string, sha256: string][] {
  const prefix = volume.path ? `${volume.path.replace(/\/$/, "")}/` : "";
  let files: Readonly<Record<string, { readonly sha256: string }>>;
  if (volume.type === "bucket") files = hub.buckets.get(volume.source)?.files ?? {};
  else {
    const record = hub.find(volume.type, volume.source);
    const oid = volume.revision ?? record?.branches.main;
    files = record?.commits.find((commit) => commit.oid === oid)?.files ?? {};
  }
  return Object.entries(files).flatMap(([path, { sha256 }]) =>
    path.startsWith(prefix) ? [[path.slice(prefix.length), sha256]] : [],
  );
}

function throughMounts(part: string, mounts: ReadonlyMap<string, string>): string {
  for (const [mountPath, folder] of mounts)
    if (part === mountPath || part.startsWith(`${mountPath}/`)) return folder + part.slice(mountPath.length);
  return part;
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(process.platform === "win32" ? pid : -pid, signal);
  } catch {
    // It has ended already.
  }
}
