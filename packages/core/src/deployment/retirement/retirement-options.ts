import { z } from "zod";

/** What becomes of deployments that no session reaches any more, on targets where they cost money. */
export interface RetirementOptions {
  /**
   * Versions that served before and stay able to answer, newest first, so that `rollback()` reaches them at once.
   * 0 = none: a rollback then has to deploy first. Default 1.
   */
  readonly keepVersions?: number;
  /** `remove` frees the others, `pause` keeps them paused where the target can, `keep` leaves them. Default `remove`. */
  readonly action?: "remove" | "pause" | "keep";
  /** How long after nothing led to it any more, when it is proven that nobody calls it. Default 0. */
  readonly afterMs?: number;
  /** How long when that cannot be proven: no router is registered, or the host may need a restart. Default 24 hours. */
  readonly unprovenAfterMs?: number;
  /** How long something that carries our mark but belongs to no deployment is kept. Default 1 hour. */
  readonly orphanGraceMs?: number;
}

const HOUR_MS = 3_600_000;
const milliseconds = z.number().int().nonnegative();

export const retirementSchema = z
  .strictObject({
    keepVersions: z.number().int().nonnegative().default(1),
    action: z.enum(["remove", "pause", "keep"]).default("remove"),
    afterMs: milliseconds.default(0),
    unprovenAfterMs: milliseconds.default(24 * HOUR_MS),
    orphanGraceMs: milliseconds.default(HOUR_MS),
  })
  .prefault({});
