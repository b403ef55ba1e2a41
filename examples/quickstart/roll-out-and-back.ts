import { createHash } from "node:crypto";
import { copyFileSync, existsSync, readFileSync } from "node:fs";
import { type EvaluationExample, formatDuration, type ModelOps } from "@modelops/core";
import type { Display } from "./display.ts";
import { type CallSummary, sendRealCalls } from "./real-calls.ts";
import { asRequests } from "./rows.ts";

const CANARY_SESSIONS = 120;

export interface RolloutSummary {
  readonly stages: readonly Omit<CallSummary, "assigned">[];
  /** Sessions that left the new version while its share rose. Always 0. */
  readonly sessionsMovedBack: number;
  /** Lines of models.yaml that differed at 100 %. */
  readonly configLinesChanged: number;
  readonly rollback: {
    readonly totalMs: number;
    readonly complete: boolean;
    readonly missing: readonly string[];
    /** Whether models.yaml is byte for byte as before. */
    readonly configRestored: boolean;
  };
}

/**
 * Canary 20 → 50 → 100 % with real calls through the router, then back. A rollout that was interrupted goes on from
 * the share it had reached.
 */
export async function rollOutAndBack(options: {
  readonly ops: ModelOps;
  readonly agent: string;
  readonly baseVersion: string;
  readonly version: string;
  readonly examples: readonly EvaluationExample[];
  readonly modelsYaml: string;
  readonly display: Display;
  readonly signal: AbortSignal;
}): Promise<RolloutSummary> {
  const { ops, agent, baseVersion, version, modelsYaml, display, signal } = options;
  const { deployer, registry } = ops;
  display.heading("5  Canary 20 → 50 → 100 %");
  const requests = asRequests(options.examples).slice(0, CANARY_SESSIONS);
  const stages: CallSummary[] = [];
  await deployer.reconcile({ signal });
  // Kept beside the file: a rollout that goes on after an interruption still knows how it began.
  const before = `${modelsYaml}.before`;
  if (!existsSync(before)) copyFileSync(modelsYaml, before);
  const configBefore = readFileSync(before);
  const router = ops.router();
  const models = {
    [baseVersion]: await ops.model({ agent, version: baseVersion, signal }),
    [version]: await ops.model({ agent, version, signal }),
  };
  try {
    const pointers = await registry.pointers({ agent });
    if (pointers.current !== version && pointers.canary === null) {
      await deployer.deploy({ agent, version, rollout: "canary_20pct", signal });
    }
    let share = pointers.current === version ? 100 : (await deployer.status({ agent })).sharePct;
    while (true) {
      await waitForTable(router, agent, deployer, signal);
      // Once promoted there is one arm left, which has all of the traffic.
      const stage = {
        ...(await sendRealCalls({ router, agent, models, requests, signal })),
        sharePct: share,
      };
      stages.push(stage);
      const perVersion = Object.entries(stage.versions).map(
        ([name, { calls, exact }]) => `${calls} sessions to ${name} (${exact} exact)`,
      );
      display.line(`  ${share} %: ${perVersion.join(", ")}`);
      if (share >= 100) break;
      share = (await deployer.promote({ agent, approvedBy: "quickstart", signal })).rolloutPct;
    }
    const configLinesChanged = changedLines(configBefore, readFileSync(modelsYaml));
    display.line(`  ${modelsYaml}: ${configLinesChanged} line changed`);

    display.heading("6  Roll back");
    const { verification } = await deployer.rollback({ agent, reason: "the example shows it", signal });
    const configRestored = sha256(configBefore) === sha256(readFileSync(modelsYaml));
    const proof = verification.complete
      ? "verified"
      : `partly verified (missing: ${verification.missing.join("; ")})`;
    const config = configRestored ? "is byte for byte as before" : "DIFFERS from before";
    display.line(`  ${proof} in ${formatDuration(verification.totalMs)}; models.yaml ${config}`);
    return {
      stages: stages.map(({ assigned: _, ...stage }) => stage),
      sessionsMovedBack: movedBack(stages, version),
      configLinesChanged,
      rollback: {
        totalMs: verification.totalMs,
        complete: verification.complete,
        missing: verification.missing,
        configRestored,
      },
    };
  } finally {
    await router.close();
    await Promise.all(Object.values(models).map((model) => model.close?.()));
  }
}

/** The router follows the file by itself; a measured stage must not start on the table before. */
async function waitForTable(
  router: { status(): { readonly generation: number } },
  agent: string,
  deployer: { status(options: { readonly agent: string }): Promise<{ readonly generation: number }> },
  signal: AbortSignal,
): Promise<void> {
  const { generation } = await deployer.status({ agent });
  while (router.status().generation < generation) {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function movedBack(stages: readonly CallSummary[], version: string): number {
  let moved = 0;
  for (const [index, stage] of stages.entries()) {
    const next = stages[index + 1];
    for (const [session, assigned] of stage.assigned) {
      if (next && assigned === version && next.assigned.get(session) !== version) moved += 1;
    }
  }
  return moved;
}

function changedLines(before: Buffer, after: Buffer): number {
  const [left, right] = [before.toString("utf8").split("\n"), after.toString("utf8").split("\n")];
  const length = Math.max(left.length, right.length);
  return Array.from({ length }, (_, index) => left[index] !== right[index]).filter(Boolean).length;
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
