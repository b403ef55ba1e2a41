import { z } from "zod";
import { ConflictError } from "../../errors/conflict-error.ts";
import type { Runtime } from "../../runtime.ts";
import { isoTime } from "../../time/clock.ts";
import { sha256Hex } from "../host-config/host-file.ts";

/** Records that belong to no agent; the store keeps them under this name, which no agent can have. */
export const DEPLOYER_AGENT = "@deployer";

const KEY = "installation";
const OWNER_LENGTH = 12;
const installationSchema = z.object({ v: z.literal(1), owner: z.string() });

/**
 * The mark that everything made on behalf of this store carries: two installations that share an account must not take
 * each other's endpoints for forgotten ones. Made once per store.
 */
export async function installationOwner(runtime: Runtime): Promise<string> {
  const known = await readOwner(runtime);
  if (known) return known;
  const owner = sha256Hex(runtime.generateId()).slice(0, OWNER_LENGTH);
  const value = { v: 1, owner } satisfies z.infer<typeof installationSchema>;
  try {
    await runtime.store.commit({
      agent: DEPLOYER_AGENT,
      expectedRev: await runtime.store.revision(DEPLOYER_AGENT),
      at: isoTime(runtime.clock),
      puts: [{ collection: "deployments", key: KEY, value }],
      idempotencyKey: KEY,
    });
  } catch (error) {
    if (!ConflictError.isInstance(error)) throw error;
  }
  // Whoever was first has given the name.
  return (await readOwner(runtime)) ?? installationOwner(runtime);
}

async function readOwner(runtime: Runtime): Promise<string | null> {
  const record = await runtime.store.get("deployments", DEPLOYER_AGENT, KEY);
  return record ? installationSchema.parse(record.value).owner : null;
}
