import type { AuditEntry } from "../../contract/registry-store.ts";
import { ModelOpsError } from "../../errors/modelops-error.ts";
import { changeRecord } from "../../records/change-record.ts";
import type { Runtime } from "../../runtime.ts";
import { type ScheduleRecord, scheduleRecordSchema, scheduleTerms } from "./schedule-record.ts";

const MAX_LISTED = 1000;

/** Schedule records in the runtime's store. */
export class ScheduleStore {
  readonly #runtime: Runtime;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  async find(id: string): Promise<ScheduleRecord | null> {
    const [found] = await this.list({ terms: [`id:${id}`] });
    return found ?? null;
  }

  /** @throws ModelOpsError `training/schedule-not-found` */
  async get(id: string): Promise<ScheduleRecord> {
    const found = await this.find(id);
    if (found) return found;
    throw new ModelOpsError({
      code: "training/schedule-not-found",
      message: `There is no training schedule ${id.slice(0, 140)}.`,
      fix: "list them with trainer.schedules(), and check that the home folder is the right one.",
    });
  }

  /** Newest first. */
  async list(options: {
    readonly agent?: string;
    readonly terms: readonly string[];
  }): Promise<readonly ScheduleRecord[]> {
    const page = await this.#runtime.store.list({
      collection: "schedules",
      agent: options.agent,
      terms: options.terms,
      direction: "descending",
      limit: MAX_LISTED,
    });
    return page.records.map(({ value }) => scheduleRecordSchema.parse(value));
  }

  /** `change` returns null to leave it. Gives the record as it is then. */
  async change(
    place: { readonly agent: string; readonly id: string },
    change: (current: ScheduleRecord | null) => ScheduleRecord | null,
    audit: Omit<AuditEntry, "actor" | "subject">,
  ): Promise<ScheduleRecord> {
    await changeRecord({
      store: this.#runtime.store,
      clock: this.#runtime.clock,
      collection: "schedules",
      agent: place.agent,
      key: place.id,
      change: (value) => {
        const next = change(value === null ? null : scheduleRecordSchema.parse(value));
        if (!next) return null;
        return {
          value: next,
          terms: scheduleTerms(next),
          order: next.createdAt,
          audit: [{ ...audit, actor: this.#runtime.actor, subject: place.id }],
        };
      },
    });
    return await this.get(place.id);
  }
}
