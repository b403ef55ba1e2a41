import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

let parent: string | null = null;

/** A folder of its own for a runtime, gone with the process. */
export function temporaryHome(): string {
  parent ??= parentOfAll();
  return mkdtempSync(join(parent, "home-"));
}

function parentOfAll(): string {
  const folder = mkdtempSync(join(tmpdir(), "modelops-homes-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
