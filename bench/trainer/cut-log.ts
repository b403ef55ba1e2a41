import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hfJobs } from "@modelops/core";
import { hubFaults, scriptedTraining, startHubTwin, VirtualClock } from "@modelops/testing";

/** Follows a job whose log connection is cut so often, and counts its lines; by a virtual clock, since each cut is followed by a pause. */
export async function cutLog(
  cuts: number,
): Promise<{ readonly lines: number; readonly once: number; readonly twice: number; readonly cuts: number }> {
  const lines = 2 * cuts;
  const clock = new VirtualClock({ startAtMs: Date.UTC(2026, 0, 1) });
  const folder = await mkdtemp(join(tmpdir(), "modelops-bench-cut-"));
  const twin = await startHubTwin({
    clock,
    repositories: [{ name: "acme/base", files: { "config.json": "{}" } }],
    jobs: {
      script: scriptedTraining({ steps: lines, stepMs: 2000, chatter: (step) => [`row ${step}`] }),
    },
  });
  try {
    twin.faults.add(...hubFaults.logStreamCut({ times: cuts }));
    const trainFile = join(folder, "train.jsonl");
    await writeFile(trainFile, `${JSON.stringify({ prompt: "say 1", completion: "it is 1" })}\n`);
    const backend = hfJobs({ namespace: "alice", hubUrl: twin.url, token: twin.token }, { clock });
    const { backendJobId } = await backend.submit({
      runId: "cut",
      agent: "bench",
      method: "sft",
      baseModel: "acme/base",
      baseModelRevision: null,
      trainFile,
      evaluationFile: null,
      hardwareId: "cpu-basic",
      timeoutMs: 24 * 3_600_000,
      hubRepo: "alice/cut",
      adapter: { kind: "lora", rank: 16 },
      hyperparameters: {},
      seed: 1,
      labels: {},
    });
    const seen = new Map<string, number>();
    for await (const { body } of backend.events(backendJobId))
      if (body.kind === "output" && body.line.startsWith("row "))
        seen.set(body.line, (seen.get(body.line) ?? 0) + 1);
    const counts = Array.from({ length: lines }, (_, index) => seen.get(`row ${index + 1}`) ?? 0);
    return {
      lines,
      once: counts.filter((count) => count === 1).length,
      twice: counts.filter((count) => count > 1).length,
      cuts: twin.requests.all.filter((request) => request.fault === "logStreamCut").length,
    };
  } finally {
    await twin.close();
    await rm(folder, { recursive: true, force: true });
  }
}
