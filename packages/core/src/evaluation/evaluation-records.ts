import { ModelOpsError } from "../errors/modelops-error.ts";
import type { ModelOpsEvent, NewEvent } from "../events/event.ts";
import { changeRecord } from "../records/change-record.ts";
import type { Runtime } from "../runtime.ts";
import type { ComparisonReport } from "./comparison-report.ts";
import type { EvaluationSpec } from "./evaluation-spec.ts";

/** The process that runs an evaluation. */
export interface EvaluationOwner {
  readonly pid: number;
  readonly hostname: string;
  /** ISO 8601 UTC. */
  readonly since: string;
}

export interface EvaluationRecord {
  readonly v: 1;
  readonly evaluationId: string;
  readonly status: "running" | "completed" | "failed";
  /** Counts the starts: a later one overtakes an earlier one. Missing in old records, which count as 0. */
  readonly start?: number;
  readonly owner?: EvaluationOwner;
  readonly spec: EvaluationSpec;
  readonly reuseKey: string | null;
  /** ISO 8601 UTC. */
  readonly startedAt: string;
  readonly completedAt: string | null;
  /** Evaluation whose answers were scored again. */
  readonly rescoredFrom: string | null;
  readonly report: ComparisonReport | null;
  readonly failure: { readonly code: string; readonly message: string } | null;
}

/** Evaluations as records of their agent: started, ended, found again. */
export class EvaluationRecords {
  readonly #runtime: Runtime;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  async find(agent: string, evaluationId: string): Promise<EvaluationRecord | null> {
    const record = await this.#runtime.store.get("evaluations", agent, evaluationId);
    // Only this class writes the collection.
    return record ? (record.value as unknown as EvaluationRecord) : null;
  }

  async require(agent: string, evaluationId: string): Promise<EvaluationRecord> {
    const record = await this.find(agent, evaluationId);
    if (record) return record;
    throw new ModelOpsError({
      code: "evaluation/unknown",
      message: `Agent ${agent} has no evaluation ${JSON.stringify(evaluationId.slice(0, 100))}.`,
      fix: "check the id and the agent; evaluation.started events carry both.",
    });
  }

  /** The newest completed evaluation of the same work in which every call was answered. */
  async findReusable(agent: string, reuseKey: string): Promise<ComparisonReport | null> {
    const page = await this.#runtime.store.list({
      collection: "evaluations",
      agent,
      terms: [`reuse:${reuseKey}`, "status:completed"],
      direction: "descending",
      limit: 1,
    });
    const report = (page.records[0]?.value as unknown as EvaluationRecord | undefined)?.report ?? null;
    return report && report.errors.length === 0 ? report : null;
  }

  /**
   * Writes what became of a start, unless a later one has begun. A start itself (`running`) is written on top of the
   * one before it and of no other. Null when somebody else was faster.
   */
  async save(
    agent: string,
    record: EvaluationRecord & { readonly start: number },
    event: NewEvent,
  ): Promise<readonly ModelOpsEvent[] | null> {
    const { report, evaluationId, start, status } = record;
    const { store, clock, actor } = this.#runtime;
    const outcome = await changeRecord({
      store,
      clock,
      collection: "evaluations",
      agent,
      key: evaluationId,
      change: (current) => {
        if (startOf(current) !== (status === "running" ? start - 1 : start)) return null;
        return {
          value: record as unknown as Readonly<Record<string, unknown>>,
          order: `${record.startedAt}/${evaluationId}`,
          terms: [`status:${status}`, ...(record.reuseKey === null ? [] : [`reuse:${record.reuseKey}`])],
          events: [event],
          audit: report
            ? [
                {
                  action: "evaluation.completed",
                  actor,
                  subject: `${agent}@${report.candidate.version}`,
                  operationId: evaluationId,
                  evidence: {
                    recommendation: report.recommendation,
                    examples: report.coverage.examples,
                    improvementPct: report.improvementPct === null ? null : report.improvementPct.toFixed(6),
                    evidenceHash: report.evidenceHash,
                  },
                },
              ]
            : [],
        };
      },
    });
    return outcome.kind === "changed" ? outcome.events : null;
  }

  /** Throws `evaluation/overtaken` when a later start has begun. */
  async requireLatest(agent: string, evaluationId: string, start: number): Promise<void> {
    const record = await this.#runtime.store.get("evaluations", agent, evaluationId);
    if (startOf(record?.value ?? null) !== start) throw overtaken(agent, evaluationId);
  }
}

/** 0 for what was never started, and for records of before starts were counted. */
export function startOf(
  record: Readonly<Record<string, unknown>> | Pick<EvaluationRecord, "start"> | null,
): number {
  return typeof record?.start === "number" ? record.start : 0;
}

export function overtaken(agent: string, evaluationId: string): ModelOpsError {
  return new ModelOpsError({
    code: "evaluation/overtaken",
    message: `Evaluation ${evaluationId} of ${agent} was started again elsewhere, so that this runner stopped.`,
    reason: "Two runners with one store and different home folders cannot see each other's lock.",
    fix: "let the other one end, and give runners of one store one home folder.",
    details: { evaluationId },
  });
}
