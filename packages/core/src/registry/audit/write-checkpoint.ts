import { newEvent } from "../../runtime.ts";
import { isoTime } from "../../time/clock.ts";
import { REGISTRY_AGENT } from "../agent-state.ts";
import type { RegistryContext } from "../registry-context.ts";
import type { Checkpoint } from "./registry-audit.ts";

/**
 * Notes the length and head of the chain, after a version has begun to serve all traffic. It comes after the commit it
 * follows, so a crash in between costs a checkpoint and nothing else; its failure is no failure of the move.
 */
export async function writeCheckpoint(context: RegistryContext): Promise<void> {
  const { store, runtime } = context;
  try {
    const head = await store.auditHead();
    if (!head) return;
    const at = isoTime(runtime.clock);
    const checkpoint: Checkpoint = { count: head.count, head: head.hash, at };
    const key = String(head.count).padStart(12, "0");
    const event = newEvent(runtime, {
      type: "registry.checkpointed",
      agent: null,
      subject: null,
      data: checkpoint,
    });
    const { events } = await store.commit({
      agent: REGISTRY_AGENT,
      expectedRev: null,
      puts: [{ collection: "checkpoints", key, value: { ...checkpoint } }],
      events: [event],
      at,
    });
    for (const stored of events) context.events.publish(stored);
  } catch (error) {
    runtime.logger.warn(`The audit checkpoint could not be written: ${String(error)}`);
  }
}
