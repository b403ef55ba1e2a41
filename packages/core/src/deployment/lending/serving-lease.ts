import { z } from "zod";
import type { RecordPut } from "../../contract/registry-store.ts";
import type { Runtime } from "../../runtime.ts";
import { isoTime } from "../../time/clock.ts";
import { DEPLOYER_AGENT } from "../state/installation.ts";

const TERM = "serving-lease";
const RENEW_MS = 300_000;
/** A process that has not renewed for this long is taken for dead. */
const STALE_MS = 3 * RENEW_MS;

const leaseSchema = z.object({
  v: z.literal(1),
  leaseId: z.string(),
  target: z.string(),
  /** Null while the target is still making it. */
  deploymentId: z.string().nullable(),
  agent: z.string(),
  version: z.string(),
  since: z.string(),
  renewedAt: z.string(),
});
type Lease = z.infer<typeof leaseSchema>;

const held = new WeakMap<Runtime, Set<string>>();

/** Leases that are open here, and live however long ago they were renewed. */
function heldBy(runtime: Runtime): Set<string> {
  const known = held.get(runtime) ?? new Set();
  held.set(runtime, known);
  return known;
}

/** Says that a process uses something at a target outside of any rollout, until it ends or its process is dead. */
export class ServingLease {
  readonly #runtime: Runtime;
  #lease: Lease;
  readonly #timer: NodeJS.Timeout;

  private constructor(runtime: Runtime, lease: Lease) {
    this.#runtime = runtime;
    this.#lease = lease;
    // The machine's time, since a virtual clock that somebody always waits for would never stand still.
    this.#timer = setInterval(() => void this.#renew(), RENEW_MS).unref();
    heldBy(runtime).add(lease.leaseId);
  }

  static async open(
    runtime: Runtime,
    what: Pick<Lease, "target" | "agent" | "version">,
  ): Promise<ServingLease> {
    const at = isoTime(runtime.clock);
    const leaseId = runtime.generateId();
    const lease = new ServingLease(runtime, {
      v: 1,
      leaseId,
      ...what,
      deploymentId: null,
      since: at,
      renewedAt: at,
    });
    try {
      await lease.#write();
    } catch (error) {
      lease.#stop();
      throw error;
    }
    return lease;
  }

  /** What the target has made. */
  async name(deploymentId: string): Promise<void> {
    this.#lease = { ...this.#lease, deploymentId };
    await this.#write();
  }

  /** Others who use the same, or may be about to. */
  async others(): Promise<readonly Lease[]> {
    const { target, deploymentId, leaseId } = this.#lease;
    return (await readLeases(this.#runtime, target)).live.filter(
      (other) =>
        other.leaseId !== leaseId && (other.deploymentId === deploymentId || other.deploymentId === null),
    );
  }

  async end(): Promise<void> {
    this.#stop();
    const removes = [{ collection: "deployments" as const, key: leaseKey(this.#lease) }];
    await this.#commit({ puts: [], removes });
  }

  #stop(): void {
    clearInterval(this.#timer);
    heldBy(this.#runtime).delete(this.#lease.leaseId);
  }

  async #renew(): Promise<void> {
    try {
      await this.#write();
    } catch (error) {
      this.#runtime.logger.warn(`A served model could not be noted as in use: ${String(error)}`);
    }
  }

  async #write(): Promise<void> {
    this.#lease = { ...this.#lease, renewedAt: isoTime(this.#runtime.clock) };
    const put: RecordPut = {
      collection: "deployments",
      key: leaseKey(this.#lease),
      value: this.#lease,
      terms: [TERM],
    };
    await this.#commit({ puts: [put] });
  }

  async #commit(batch: {
    readonly puts: readonly RecordPut[];
    readonly removes?: readonly { readonly collection: "deployments"; readonly key: string }[];
  }): Promise<void> {
    const { store, clock } = this.#runtime;
    await store.commit({ ...batch, agent: DEPLOYER_AGENT, expectedRev: null, at: isoTime(clock) });
  }
}

/** What is used at a target outside of any rollout, and the keys of leases whose process is dead. */
export async function readLeases(
  runtime: Runtime,
  target: string,
): Promise<{ readonly live: readonly Lease[]; readonly staleKeys: readonly string[] }> {
  const { records } = await runtime.store.list({
    collection: "deployments",
    agent: DEPLOYER_AGENT,
    terms: [TERM],
    limit: 1000,
  });
  const leases = records
    .map((record) => leaseSchema.parse(record.value))
    .filter((lease) => lease.target === target);
  const aliveSinceMs = runtime.clock.now() - STALE_MS;
  const own = heldBy(runtime);
  const isLive = ({ leaseId, renewedAt }: Lease) => own.has(leaseId) || Date.parse(renewedAt) >= aliveSinceMs;
  return {
    live: leases.filter(isLive),
    staleKeys: leases.filter((lease) => !isLive(lease)).map(leaseKey),
  };
}

function leaseKey({ leaseId }: Pick<Lease, "leaseId">): string {
  return `lease/${leaseId}`;
}
