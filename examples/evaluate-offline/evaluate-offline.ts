import { mkdir, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import {
  agentRoutingAccuracy,
  assertRecommendation,
  type ComparisonReport,
  comparisonJunit,
  createModelOps,
  latencyThreshold,
  llmJudge,
  ModelOpsError,
  openAICompatible,
  type ReportFiles,
  tokenEfficiency,
  writeReports,
} from "@modelops/core";
import { startTicketModels } from "./ticket-models.ts";
import { heldOutTickets } from "./tickets.ts";

/** What the example did, for its test and for the reader. */
export interface OfflineEvaluation {
  readonly report: ComparisonReport;
  readonly files: ReportFiles & { readonly junit: string };
  /** Calls of the two models under test: one for each example, and those that were on their way when it was interrupted. */
  readonly calls: { readonly candidate: number; readonly baseline: number };
  /** Whether the gate of continuous integration let the candidate through. */
  readonly passed: boolean;
}

/**
 * Compares two models that route support tickets, offline: an interrupted evaluation is resumed, the reports and a
 * JUnit file are written into `folder`, and a gate decides.
 */
export async function evaluateOffline(folder: string): Promise<OfflineEvaluation> {
  await mkdir(folder, { recursive: true });
  const dataset = join(folder, "held-out.jsonl");
  await writeFile(
    dataset,
    heldOutTickets(160)
      .map((ticket) => `${JSON.stringify(ticket)}\n`)
      .join(""),
  );

  const server = await startTicketModels();
  const model = (id: string) => openAICompatible({ baseUrl: server.baseUrl, model: id, id });
  await using ops = createModelOps({ home: join(folder, ".modelops"), tracing: false });

  const interruption = new AbortController();
  const options = {
    agent: "ticket_router",
    evaluationId: "router-v1.1.0",
    candidate: { version: "v1.1.0", model: model("router-tuned") },
    baseline: { version: "v1.0.0", model: model("router-base") },
    dataset: `file:${dataset}`,
    metrics: [
      agentRoutingAccuracy(),
      tokenEfficiency({ budgetTokens: 8 }),
      latencyThreshold({ thresholdMs: 10_000 }),
      llmJudge({ model: model("judge"), rubric: "The answer is one word that names a team." }),
    ],
    // What a metric of weight 0 found is in the report and decides nothing.
    weights: {
      agent_routing_accuracy: 0.8,
      token_efficiency: 0.1,
      latency_threshold: 0.1,
      llm_judge: 0,
    },
    guardrails: ["cost_usd"] as const,
  };
  const stop = ops.evaluator.on("evaluation.progress", ({ data }) => {
    if (data.done >= 20) interruption.abort(new Error("the machine was switched off"));
  });
  try {
    await ops.evaluator.compare({ ...options, signal: interruption.signal }).catch((error: unknown) => {
      if (!interruption.signal.aborted) throw error;
    });
    stop();
    const report = await ops.evaluator.resume(options.evaluationId, options);
    const files = await writeReports(report, folder);
    const junit = join(folder, "junit.xml");
    await writeFile(junit, comparisonJunit(report, { atLeast: "deploy_canary" }));
    return {
      report,
      files: { ...files, junit },
      calls: {
        candidate: server.totals("router-tuned")?.requests ?? 0,
        baseline: server.totals("router-base")?.requests ?? 0,
      },
      passed: isGoodEnough(report),
    };
  } finally {
    await server.close();
  }
}

function isGoodEnough(report: ComparisonReport): boolean {
  try {
    assertRecommendation(report, { atLeast: "deploy_canary" });
    return true;
  } catch (error) {
    if (ModelOpsError.isInstance(error) && error.code === "evaluation/recommendation-below") return false;
    throw error;
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { folder: { type: "string", default: "evaluate-offline-reports" } },
  });
  const { report, files, calls, passed } = await evaluateOffline(resolve(values.folder));
  const lines = [
    report.sentence,
    ...report.metrics.map(
      ({ name, baselineMean, candidateMean }) =>
        `  ${name}: ${baselineMean?.toFixed(3)} → ${candidateMean?.toFixed(3)}`,
    ),
    `cost $${report.cost.baseline?.usd?.toFixed(4)} → $${report.cost.candidate.usd?.toFixed(4)}, judge $${report.cost.metricsUsd?.toFixed(4)}`,
    `${calls.baseline} and ${calls.candidate} calls for ${report.coverage.examples} examples, interrupted once; ${report.coverage.candidate.resumed} answers were kept`,
    ...Object.values(files).map((file) => `wrote ${relative(process.cwd(), file)}`),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
  process.exitCode = passed ? 0 : 1;
}
