import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findUv } from "../packages/core/src/training/backends/local/find-uv.ts";

/** The command that runs uv for a peer in Python: the one the local training backend would use, installed when missing. */
export function benchUv(): Promise<readonly string[]> {
  return findUv({
    home: fileURLToPath(new URL(join("..", "examples", "quickstart", ".modelops"), import.meta.url)),
    env: process.env,
    report: (message) => process.stderr.write(`${message}\n`),
  });
}
