import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/** The process that was writing stands behind the file's name: `model.gguf.1234-ab12.tmp`, `model.gguf.1234.f16.tmp`. */
function writerOf(name: string, fileName: string): number | null {
  const match = name.startsWith(`${fileName}.`)
    ? /^\.(\d+)[.-].*tmp$/.exec(name.slice(fileName.length))
    : null;
  return match ? Number(match[1]) : null;
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, but belongs to somebody else.
    return (error as { code?: unknown }).code === "EPERM";
  }
}

/** Removes what a killed process left of this file: unfinished model files fill a disk quickly. */
export async function removeLeftovers(folder: string, fileName: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const writer = writerOf(name, fileName);
    if (writer !== null && writer !== process.pid && !isAlive(writer))
      await rm(join(folder, name), { force: true });
  }
}
