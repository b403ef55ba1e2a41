import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomically } from "@modelops/core";

/** What an interrupted run needs to go on. Everything else is found in the store. */
export interface RunState {
  readonly runId: string;
  /** Another command line is another run. */
  readonly arguments: string;
  readonly startedAt: string;
}

export interface RunStateFile {
  readonly state: RunState;
  readonly isContinued: boolean;
  /** The run has ended well: the next start begins a new one. */
  finish(): void;
}

/** Picks up the run that was interrupted with the same arguments, or begins a new one. */
export async function openRunState(options: {
  readonly home: string;
  readonly arguments: string;
  readonly isFresh: boolean;
}): Promise<RunStateFile> {
  mkdirSync(options.home, { recursive: true });
  const path = join(options.home, "run.json");
  const finish = () => rmSync(path, { force: true });
  const previous = options.isFresh ? null : readState(path);
  if (previous?.arguments === options.arguments) return { state: previous, isContinued: true, finish };
  const state = { runId: randomUUID(), arguments: options.arguments, startedAt: new Date().toISOString() };
  await writeFileAtomically(path, `${JSON.stringify(state, null, 2)}\n`);
  return { state, isContinued: false, finish };
}

function readState(path: string): RunState | null {
  try {
    const state = JSON.parse(readFileSync(path, "utf8")) as Partial<RunState>;
    return typeof state.runId === "string" && typeof state.arguments === "string"
      ? (state as RunState)
      : null;
  } catch {
    // No run was interrupted, or the file is not ours to trust: begin anew.
    return null;
  }
}
