import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** What the killed writers said: `tried` were begun, `acknowledged` were reported as durable. */
export interface KillRecord {
  readonly tried: ReadonlySet<string>;
  readonly acknowledged: ReadonlySet<string>;
  readonly kills: number;
}

export interface KillOptions {
  /** File name of the writer beside this file. */
  readonly writer: "store-writer.ts" | "naive-writer.ts";
  readonly path: string;
  readonly arguments?: readonly string[];
  readonly writers: number;
  readonly kills: number;
  /** Decides when each writer dies. */
  readonly seed: number;
  /** Called between kills; true ends the run early. */
  readonly isEnough?: () => boolean;
}

/** Longest life of a writer after its first acknowledged commit. */
const MAX_LIFE_MS = 25;

/** Keeps writers at work on one path and kills them with SIGKILL at random moments, starting a new one each time. */
export async function killWriters(options: KillOptions): Promise<KillRecord> {
  const tried = new Set<string>();
  const acknowledged = new Set<string>();
  const random = seededRandom(options.seed);
  let kills = 0;
  let begun = 0;

  const oneAfterAnother = async (name: string) => {
    while (begun < options.kills && !options.isEnough?.()) {
      begun += 1;
      await liveAndDie(options, name, random, tried, acknowledged);
      kills += 1;
    }
  };
  await Promise.all(Array.from({ length: options.writers }, (_, index) => oneAfterAnother(`w${index}`)));
  return { tried, acknowledged, kills };
}

async function liveAndDie(
  options: KillOptions,
  name: string,
  random: () => number,
  tried: Set<string>,
  acknowledged: Set<string>,
): Promise<void> {
  const file = fileURLToPath(new URL(options.writer, import.meta.url));
  const child = spawn(process.execPath, [file, options.path, name, ...(options.arguments ?? [])], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const ended = once(child, "exit");
  const lines = createInterface({ input: child.stdout });
  const finished = once(lines, "close");
  const firstAck = new Promise<void>((resolve) => {
    lines.on("line", (line) => {
      const [word, id] = line.split(" ");
      // A torn last line has no end and so never arrives as one of these.
      if (id === undefined) return;
      if (word === "try") tried.add(id);
      if (word === "ack") {
        acknowledged.add(id);
        resolve();
      }
    });
  });
  // A writer that fails by itself (a broken file) ends without an acknowledgement.
  await Promise.race([firstAck, ended]);
  await sleep(random() * MAX_LIFE_MS);
  kill(child);
  await Promise.all([ended, finished]);
}

function kill(child: ChildProcess): void {
  if (child.exitCode === null) child.kill("SIGKILL");
}

/** mulberry32: small, seeded, good enough to spread moments. */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
