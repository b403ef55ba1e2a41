import { hostname } from "node:os";
import type { RegistryStore } from "../../contract/registry-store.ts";
import { ROUTERS_AGENT, type RouterHeartbeat, routerHeartbeatSchema } from "../../model/router-records.ts";

const MISSED_HEARTBEATS = 3;
const MAX_ROUTERS = 10_000;

/**
 * The routers that are alive: not closed, heard of within three heartbeats, and on this machine with a process that
 * still exists.
 */
export async function liveRouters(store: RegistryStore, now: number): Promise<readonly RouterHeartbeat[]> {
  const { records } = await store.list({
    collection: "router-acknowledgements",
    agent: ROUTERS_AGENT,
    limit: MAX_ROUTERS,
  });
  return records
    .map((record) => routerHeartbeatSchema.parse(record.value))
    .filter((router) => isAlive(router, now));
}

function isAlive(router: RouterHeartbeat, now: number): boolean {
  if (router.closed) return false;
  if (now - Date.parse(router.at) > MISSED_HEARTBEATS * router.heartbeatEveryMs) return false;
  return router.hostname !== hostname() || processExists(router.pid);
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
