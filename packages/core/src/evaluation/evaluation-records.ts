import type { CommitResult, RecordPut } from "../contract/registry-store.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { NewEvent } from "../events/event.ts";
import type { Runtime } from "../runtime.ts";
import { isoTime } from "../time/clock.ts";
import type { ComparisonReport } from "./comparison-report.ts";
import type { EvaluationSpec } from "./evaluation-spec.ts";

export interface EvaluationRecord {
  readonly v: 1;
  readonly evaluationId: string;
  readonly status: "running" | "completed" | "failed";
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

  save(agent: string, record: EvaluationRecord, event: NewEvent): Promise<CommitResult> {
    const put: RecordPut = {
      collection: "evaluations",
      key: record.evaluationId,
      value: record as unknown as Readonly<Record<string, unknown>>,
      order: `${record.startedAt}/${record.evaluationId}`,
      terms: [`status:${record.status}`, ...(record.reuseKey === null ? [] : [`reuse:${record.reuseKey}`])],
    };
    const { report } = record;
    return this.#runtime.store.commit({
      agent,
      expectedRev: null,
      puts: [put],
      events: [event],
      audit: report
        ? [
            {
              action: "evaluation.completed",
              actor: this.#runtime.actor,
              subject: `${agent}@${report.candidate.version}`,
              operationId: record.evaluationId,
              evidence: {
                recommendation: report.recommendation,
                examples: report.coverage.examples,
                improvementPct: report.improvementPct === null ? null : report.improvementPct.toFixed(6),
                evidenceHash: report.evidenceHash,
              },
            },
          ]
        : [],
      at: isoTime(this.#runtime.clock),
    });
  }
}
