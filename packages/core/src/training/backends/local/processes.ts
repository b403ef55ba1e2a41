import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { type Clock, systemClock } from "../../../time/clock.ts";

const run = promisify(execFile);
const POLL_MS = 50;

/** A process that is told apart from a later one with the same id by when it started (in the system's own words). */
export interface ProcessIdentity {
  readonly pid: number;
  readonly started: string;
}

interface ProcessRow extends ProcessIdentity {
  readonly groupId: number;
  readonly isZombie: boolean;
  readonly command: string;
}

/** The identity of a live process; null when there is none (a zombie counts as gone). */
export async function identifyProcess(pid: number): Promise<ProcessIdentity | null> {
  const row = process.platform === "linux" ? await readProc(pid) : await readPs(pid);
  return row && !row.isZombie ? { pid: row.pid, started: row.started } : null;
}

export async function isProcessAlive(identity: ProcessIdentity): Promise<boolean> {
  return (await identifyProcess(identity.pid))?.started === identity.started;
}

/** A live process whose command line holds this text, such as the path of a file only that process was given. */
export async function findProcessByCommand(text: string): Promise<ProcessIdentity | null> {
  const found = (await listProcesses()).find((row) => !row.isZombie && row.command.includes(text));
  return found ? { pid: found.pid, started: found.started } : null;
}

/**
 * Ends a process group: SIGTERM, then SIGKILL after `graceMs`. Resolves when no member is left.
 * The leader must still be the process that is meant; otherwise nothing is sent.
 */
export async function stopProcessGroup(
  leader: ProcessIdentity,
  options: { readonly graceMs: number; readonly clock?: Clock },
): Promise<void> {
  const clock = options.clock ?? systemClock;
  if (!(await isProcessAlive(leader))) return;
  signalGroup(leader.pid, "SIGTERM");
  const deadline = clock.now() + options.graceMs;
  while (await hasMembers(leader.pid)) {
    if (clock.now() >= deadline) signalGroup(leader.pid, "SIGKILL");
    await clock.sleep(POLL_MS, { keepAlive: true });
  }
}

/** Sends a signal to a group; a group that is already gone is fine. */
export function signalGroup(groupId: number, signal: NodeJS.Signals): void {
  try {
    // Windows has no groups: the one process is all there is to reach.
    process.kill(process.platform === "win32" ? groupId : -groupId, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function hasMembers(groupId: number): Promise<boolean> {
  if (process.platform === "win32") return (await identifyProcess(groupId)) !== null;
  return (await listProcesses()).some((row) => row.groupId === groupId && !row.isZombie);
}

async function listProcesses(): Promise<ProcessRow[]> {
  if (process.platform !== "linux") return await psRows(["-A"]);
  const rows: ProcessRow[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const row = await readProc(Number(name));
    if (row) rows.push(row);
  }
  return rows;
}

async function readProc(pid: number): Promise<ProcessRow | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may hold spaces: the fields begin after the last parenthesis, at field 3.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const command = (await readFile(`/proc/${pid}/cmdline`, "utf8")).replaceAll("\0", " ");
    return {
      pid,
      started: fields[19] ?? "",
      groupId: Number(fields[2]),
      isZombie: fields[0] === "Z" || fields[0] === "X",
      command,
    };
  } catch {
    return null;
  }
}

async function readPs(pid: number): Promise<ProcessRow | null> {
  return (await psRows(["-p", String(pid)]))[0] ?? null;
}

async function psRows(selection: readonly string[]): Promise<ProcessRow[]> {
  try {
    const { stdout } = await run("ps", [...selection, "-o", "pid=,pgid=,stat=,lstart=,command="], {
      env: { ...process.env, LC_ALL: "C" },
      maxBuffer: 16 * 1024 * 1024,
    });
    return stdout.split("\n").flatMap((line) => {
      const match = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(\w+\s+\w+\s+\d+\s+[\d:]+\s+\d+)\s+(.*)$/.exec(line);
      if (!match) return [];
      const [, pid, groupId, state = "", started = "", command = ""] = match;
      return [
        { pid: Number(pid), groupId: Number(groupId), isZombie: state.startsWith("Z"), started, command },
      ];
    });
  } catch {
    return [];
  }
}
