import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { TargetDeployment } from "@modelops/core";
import { writeAtomically } from "../format/write-atomically.ts";

/** Which deployment each idempotency key made; one small file each, so that a restart finds them. */
export interface DeploymentRecords {
  find(idempotencyKey: string): Promise<TargetDeployment | null>;
  save(idempotencyKey: string, deployment: TargetDeployment): Promise<void>;
  all(): Promise<readonly TargetDeployment[]>;
  /** Forgets every key that made this deployment. */
  removeDeployment(deploymentId: string): Promise<void>;
}

/** Keeps records in a folder. */
export function createDeploymentRecords(folder: string): DeploymentRecords {
  const pathOf = (key: string) =>
    join(folder, `${createHash("sha256").update(key).digest("hex").slice(0, 32)}.json`);

  const read = async (path: string): Promise<TargetDeployment | null> => {
    try {
      return JSON.parse(await readFile(path, "utf8")) as TargetDeployment;
    } catch (error) {
      if ((error as { code?: unknown }).code === "ENOENT") return null;
      throw error;
    }
  };

  const entries = async () => {
    const names = await readdir(folder).catch(() => []);
    const paths = names.filter((name) => name.endsWith(".json")).map((name) => join(folder, name));
    const found = await Promise.all(paths.map(async (path) => ({ path, deployment: await read(path) })));
    return found.flatMap(({ path, deployment }) => (deployment ? [{ path, deployment }] : []));
  };

  return {
    find: (key) => read(pathOf(key)),
    save: async (key, deployment) => {
      await mkdir(folder, { recursive: true });
      await writeAtomically(pathOf(key), (handle) => handle.writeFile(JSON.stringify(deployment)));
    },
    all: async () => (await entries()).map(({ deployment }) => deployment),
    removeDeployment: async (deploymentId) => {
      for (const { path, deployment } of await entries()) {
        if (deployment.deploymentId === deploymentId) await rm(path, { force: true });
      }
    },
  };
}
