import { statfs } from "node:fs/promises";
import { availableParallelism, cpus, totalmem } from "node:os";
import type { HardwareOffer } from "../../../contract/training-backend.ts";
import { runCommand } from "./run-command.ts";

const GIB = 1024 ** 3;
/** Share of unified memory that macOS lets the GPU use by default. */
const APPLE_GPU_MEMORY_SHARE = 0.7;

/** What this machine can train on: its GPU first, when it has one, and its CPU. Free of charge. */
export async function detectHardware(options: {
  readonly folder: string;
  readonly signal?: AbortSignal;
}): Promise<readonly HardwareOffer[]> {
  const cpuModel = cpus()[0]?.model.trim() || "CPU";
  const memoryGiB = round(usableMemoryBytes() / GIB);
  const base = {
    cpuCores: availableParallelism(),
    memoryGiB,
    diskGiB: round((await freeDiskBytes(options.folder)) / GIB),
    costUsdPerHour: 0,
    priceSource: { kind: "free" },
  } as const;
  const offers: HardwareOffer[] = [];
  const cards = await nvidiaCards(options.signal);
  const [card] = cards;
  if (card) {
    offers.push({
      ...base,
      id: "local-cuda",
      title: `${cards.length > 1 ? `${cards.length} × ` : ""}${card.model} in this machine`,
      accelerator: { model: card.model, count: cards.length, memoryGiB: card.memoryGiB },
    });
  }
  if (process.platform === "darwin" && process.arch === "arm64") {
    offers.push({
      ...base,
      id: "local-mps",
      title: `${cpuModel} GPU in this machine`,
      accelerator: { model: cpuModel, count: 1, memoryGiB: round(memoryGiB * APPLE_GPU_MEMORY_SHARE) },
    });
  }
  offers.push({
    ...base,
    id: "local-cpu",
    title: `CPU of this machine (${base.cpuCores} cores)`,
    accelerator: null,
  });
  return offers;
}

/** Free bytes on the disk that holds a folder (or its nearest existing parent). */
export async function freeDiskBytes(folder: string): Promise<number> {
  for (let path = folder; ; ) {
    try {
      const { bavail, bsize } = await statfs(path);
      return bavail * bsize;
    } catch (error) {
      const parent = path.replace(/[/\\][^/\\]*$/, "") || "/";
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || parent === path) throw error;
      path = parent;
    }
  }
}

function usableMemoryBytes(): number {
  // A container's limit, when there is one; the number is absurd when there is none.
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit : totalmem();
}

async function nvidiaCards(
  signal: AbortSignal | undefined,
): Promise<{ readonly model: string; readonly memoryGiB: number }[]> {
  const query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"];
  const result = await runCommand(query, { signal, timeoutMs: 10_000 });
  if (result.exitCode !== 0) return [];
  return result.stdout.split("\n").flatMap((line) => {
    const [model, mebibytes] = line.split(",").map((part) => part.trim());
    if (!model || !mebibytes || !Number.isFinite(Number(mebibytes))) return [];
    return [{ model, memoryGiB: round(Number(mebibytes) / 1024) }];
  });
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
