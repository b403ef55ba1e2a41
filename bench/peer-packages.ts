import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A peer's package folder, or why there is none. */
export type PeerPackage =
  | { readonly folder: string; readonly reason: null }
  | { readonly folder: null; readonly reason: string };

const INSTALL_LIMIT_MS = 600_000;

/**
 * Installs a peer into a folder of its own under the temporary folder, where later runs find it: peers are no
 * dependencies of this project. Scripts of the package are not run.
 */
export function peerPackage(name: string, version: string): PeerPackage {
  const peers = join(tmpdir(), "modelops-bench-peers");
  const home = join(peers, `${name.replaceAll(/[^a-z0-9]+/gi, "-")}-${version}`);
  const found = { folder: join(home, "node_modules", name), reason: null };
  if (existsSync(found.folder)) return found;
  mkdirSync(peers, { recursive: true });
  const unfinished = mkdtempSync(join(peers, "unfinished-"));
  const { status, stderr, error } = spawnSync(
    "npm",
    ["install", "--prefix", unfinished, "--ignore-scripts", "--no-audit", "--no-fund", `${name}@${version}`],
    { encoding: "utf8", timeout: INSTALL_LIMIT_MS },
  );
  if (status !== 0) {
    rmSync(unfinished, { recursive: true, force: true });
    const why = error?.message ?? stderr?.split("\n").find((line) => line.includes("npm error")) ?? "";
    return { folder: null, reason: `${name}@${version} could not be installed: ${why.slice(0, 160)}` };
  }
  try {
    renameSync(unfinished, home);
  } catch {
    // Another run was first.
    rmSync(unfinished, { recursive: true, force: true });
  }
  return found;
}
