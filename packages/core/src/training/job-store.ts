import type { AuditEntry } from "../contract/registry-store.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { NewEvent } from "../events/event.ts";
import { type ChangeOutcome, changeRecord } from "../records/change-record.ts";
import type { Runtime } from "../runtime.ts";
import { type JobRecord, jobRecordSchema, jobTerms } from "./job-record.ts";

const PAGE = 200;

/** Job records in the runtime's store. */
export class JobStore {
  readonly #runtime: Runtime;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  async find(id: string): Promise<JobRecord | null> {
    const page = await this.#runtime.store.list({ collection: "jobs", terms: [`id:${id}`], limit: 1 });
    const [record] = page.records;
    return record ? jobRecordSchema.parse(record.value) : null;
  }

  /** @throws ModelOpsError `training/job-not-found` */
  async get(id: string): Promise<JobRecord> {
    const record = await this.find(id);
    if (record) return record;
    throw new ModelOpsError({
      code: "training/job-not-found",
      message: `There is no training job ${id.slice(0, 140)}.`,
      fix: "list the jobs with trainer.jobs(), and check that the home folder is the right one.",
    });
  }

  async list(options: {
    readonly agent?: string;
    readonly terms: readonly string[];
    readonly limit?: number;
  }): Promise<JobRecord[]> {
    const found: JobRecord[] = [];
    let cursor: string | null = null;
    do {
      const page = await this.#runtime.store.list({
        collection: "jobs",
        agent: options.agent,
        terms: options.terms,
        direction: "descending",
        limit: Math.min(PAGE, options.limit ?? PAGE),
        cursor,
      });
      found.push(...page.records.map((record) => jobRecordSchema.parse(record.value)));
      cursor = page.nextCursor;
    } while (cursor !== null && found.length < (options.limit ?? Number.POSITIVE_INFINITY));
    return found;
  }

  /** Changes a job with what else belongs into the commit; `change` returns null to leave it. */
  async change(
    place: { readonly agent: string; readonly id: string },
    change: (current: JobRecord | null) => {
      readonly record: JobRecord;
      readonly events?: readonly NewEvent[];
      readonly audit?: readonly AuditEntry[];
      readonly idempotencyKey?: string;
    } | null,
  ): Promise<{ readonly outcome: ChangeOutcome; readonly record: JobRecord | null }> {
    let written: JobRecord | null = null;
    const outcome = await changeRecord({
      store: this.#runtime.store,
      clock: this.#runtime.clock,
      collection: "jobs",
      agent: place.agent,
      key: place.id,
      change: (value) => {
        const current = value === null ? null : jobRecordSchema.parse(value);
        const next = change(current);
        written = next?.record ?? current;
        if (!next) return null;
        const { record, events, audit, idempotencyKey } = next;
        return {
          value: record,
          terms: jobTerms(record),
          order: record.createdAt,
          events,
          audit,
          idempotencyKey,
        };
      },
    });
    // Somebody else made this very change first: theirs is the record.
    if (outcome.kind === "replayed") written = await this.find(place.id);
    return { outcome, record: written };
  }
}
