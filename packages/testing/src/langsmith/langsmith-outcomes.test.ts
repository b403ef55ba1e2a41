import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createModelOps,
  langSmithOutcomes,
  type ModelOps,
  type RouteDecision,
  type Router,
} from "@modelops/core";
import type { CanaryReading } from "@modelops/core/statistics";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { memoryTarget } from "../../test-support/memory-target.ts";
import { VirtualClock } from "../clock/virtual-clock.ts";
import { type LangSmithTwin, startLangSmithTwin } from "./langsmith-twin.ts";

const KEY = "lsv2_pt_test0123456789abcdef";
const AGENT = "feature_dev";

interface Trace {
  readonly startMs: number;
  readonly tags: readonly string[];
  readonly session?: string;
  readonly error?: string;
  /** Null = it still runs. */
  readonly durationMs?: number | null;
  readonly score?: number;
}

const post = async (twin: LangSmithTwin, path: string, body: object) => {
  const headers = { "x-api-key": KEY, "content-type": "application/json" };
  const reply = await fetch(twin.apiUrl + path, { method: "POST", headers, body: JSON.stringify(body) });
  expect(reply.ok).toBe(true);
};

let traces = 0;

/** Sends root runs of the host's project, and a rating where there is one. */
const send = async (twin: LangSmithTwin, given: readonly Trace[]) => {
  const runs = given.map(({ startMs, tags, session, error, durationMs = 100 }) => {
    traces += 1;
    return {
      id: `00000000-0000-4000-9000-${String(traces).padStart(12, "0")}`,
      name: "answer",
      run_type: "chain",
      session_name: "host",
      start_time: new Date(startMs).toISOString(),
      ...(durationMs !== null && { end_time: new Date(startMs + durationMs).toISOString() }),
      inputs: {},
      outputs: {},
      tags,
      extra: { metadata: session === undefined ? {} : { session_id: session } },
      ...(error && { error }),
    };
  });
  await post(twin, "/runs/batch", { post: runs, patch: [] });
  await Promise.all(
    given.map(async ({ score }, index) => {
      if (score !== undefined)
        await post(twin, "/feedback", { run_id: runs[index]?.id, key: "user_score", score });
    }),
  );
};

describe("langSmithOutcomes", () => {
  it("tells each settled run of a rollout by its tags, its error, its time and its rating", async () => {
    const clock = new VirtualClock({ autoAdvance: false });
    const twin = await startLangSmithTwin({ clock });
    const startMs = clock.now();
    const tags = ["agent:feature_dev", "model_version:v1.1.0", "rollout:r1", "canary_share:20"];
    const canary = [...tags, "arm:canary"];
    const baseline = [...tags, "arm:baseline"];
    await send(twin, [
      { startMs, tags: canary, session: "a", score: 0.9 },
      { startMs: startMs + 1, tags: baseline, session: "b", error: "boom", durationMs: 250 },
      { startMs: startMs + 2, tags: canary, session: "c", durationMs: null },
      { startMs: startMs + 3, tags: baseline },
      { startMs: startMs + 4, tags: [...baseline, "randomized:false"], session: "not by chance" },
      {
        startMs: startMs + 5,
        tags: canary.map((tag) => tag.replace("r1", "r2")),
        session: "another rollout",
      },
      { startMs: startMs + 6, tags: ["rollout:r1"], session: "tagged in part" },
    ]);
    const source = langSmithOutcomes({
      project: "host",
      scoreKey: "user_score",
      settleMs: 60_000,
      apiUrl: twin.apiUrl,
      apiKey: KEY,
      clock,
    });
    const request = { agent: AGENT, rolloutId: "r1", since: new Date(startMs).toISOString() };
    expect(await source.read(request)).toEqual({ outcomes: [], until: request.since });
    await clock.advance(61_000);
    const { outcomes, until } = await source.read(request);
    const shared = { sharePct: 20, score: null, latencyMs: 100 };
    expect(outcomes).toEqual([
      { ...shared, sessionId: "a", arm: "canary", ok: true, score: 0.9 },
      { ...shared, sessionId: "b", arm: "baseline", ok: false, latencyMs: 250 },
      { ...shared, sessionId: "c", arm: "canary", ok: false, latencyMs: null },
      { ...shared, sessionId: expect.stringContaining("-"), arm: "baseline", ok: true },
    ]);
    expect(Date.parse(until)).toBe(startMs + 1000);
    await twin.close();
  });

  it("refuses options it cannot use, without the key", () => {
    expect(() => langSmithOutcomes({ project: "", apiKey: KEY })).toThrow(/langSmithOutcomes/);
  });
});

describe("a rollout watched with LangSmith beside the routers", () => {
  let folder: string;
  let twin: LangSmithTwin;
  let ops: ModelOps;
  let router: Router;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "modelops-outcomes-"));
    twin = await startLangSmithTwin();
    const service = { running: new Map(), startMs: 0, isBroken: false };
    ops = createModelOps({ home: folder, targets: [memoryTarget(service)] });
    for (const version of ["v1.0.0", "v1.1.0"]) {
      const trainingConfig = { baseModel: "b", trainingMethod: "sft" as const, trainingDataset: "d" };
      await ops.registry.addVersion({ agent: AGENT, version, modelId: `org/${version}`, trainingConfig });
    }
    const override = { reason: "a test" };
    await ops.deployer.deploy({ agent: AGENT, version: "v1.0.0", rollout: "immediate", override });
    await ops.deployer.deploy({
      agent: AGENT,
      version: "v1.1.0",
      override,
      rollout: {
        steps: [{ sharePct: 20, minimumSessions: 1_000_000 }, { sharePct: 100 }],
        guardrails: [
          { metric: "success", direction: "higher" },
          { metric: "score", direction: "higher" },
        ],
      },
    });
    router = ops.router();
  });
  afterEach(async () => {
    await router.close();
    await ops.close();
    await twin.close();
    await rm(folder, { recursive: true, force: true });
  });

  const outcomes = () => ({
    source: langSmithOutcomes({
      project: "host",
      scoreKey: "user_score",
      settleMs: 1,
      apiUrl: twin.apiUrl,
      apiKey: KEY,
    }),
    metrics: ["score"] as const,
    everyMs: 1,
  });

  /** Sessions that all go well for the router, and are rated in LangSmith; each has a second run that must not count. */
  const serve = async (count: number, from: number, scoreOf: (decision: RouteDecision) => number) => {
    const startMs = Date.now();
    const sent: Trace[] = [];
    for (let index = 0; index < count; index += 1) {
      const session = `session-${from + index}`;
      const decision = router.route(AGENT, session);
      router.record(decision, { ok: true });
      const { tags } = decision;
      sent.push({ startMs: startMs + 2 * index, tags, session, durationMs: 1, score: scoreOf(decision) });
      sent.push({ startMs: startMs + 2 * index + 1, tags, session, durationMs: 1, score: 0 });
    }
    await send(twin, sent);
    await router.flush();
    // Until the last of them has settled.
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, startMs + 2 * count + 10 - Date.now())));
  };

  /** Looks until the source has been read at least twice; gives what each guardrail was fed. */
  const look = async () => {
    const stop = new AbortController();
    const readings: CanaryReading[] = [];
    await ops.deployer
      .watch({
        agent: AGENT,
        everyMs: 5,
        outcomes: outcomes(),
        signal: stop.signal,
        onReading(reading) {
          readings.push(reading);
          if (readings.length === 3) stop.abort();
        },
      })
      .catch(() => {});
    const last = readings.at(-1);
    return Object.fromEntries(
      last?.guardrails.map(({ metric, observations }) => [metric, observations]) ?? [],
    );
  };

  it("counts each session once per metric, in however many windows and processes it is read", async () => {
    await serve(60, 0, () => 0.8);
    expect(await look()).toEqual({ success: 60, score: 60 });
    expect(await look()).toEqual({ success: 60, score: 60 });
    // Twenty of the sessions go on; twenty are new.
    await serve(20, 40, () => 0.8);
    expect((await look()).score).toBe(60);
    await serve(20, 60, () => 0.8);
    expect((await look()).score).toBe(80);
  });

  it("takes the canary back when only LangSmith knows that it is worse", async () => {
    await serve(300, 0, ({ arm }) => (arm === "canary" ? 0.2 : 0.9));
    const result = await ops.deployer.watch({
      agent: AGENT,
      everyMs: 5,
      outcomes: outcomes(),
      signal: AbortSignal.timeout(10_000),
    });
    expect(result).toMatchObject({ state: "rolled-back", version: "v1.1.0" });
    expect(result.reason).toContain("score");
  });

  it("goes on with what the routers know while LangSmith is down, but climbs no step", async () => {
    await ops.deployer.abort({ agent: AGENT, reason: "another plan" });
    await ops.deployer.deploy({
      agent: AGENT,
      version: "v1.1.0",
      override: { reason: "a test" },
      rollout: {
        steps: [{ sharePct: 20, minimumSessions: 10 }, { sharePct: 100 }],
        guardrails: [
          { metric: "success", direction: "higher" },
          { metric: "score", direction: "higher" },
        ],
      },
    });
    while (router.canaryOf(AGENT) === null) await new Promise((resolve) => setTimeout(resolve, 5));
    await serve(40, 0, () => 0.8);
    const gone = {
      ...outcomes(),
      source: { ...outcomes().source, read: () => Promise.reject(new Error("gone")) },
    };
    const stop = new AbortController();
    let looks = 0;
    await ops.deployer
      .watch({
        agent: AGENT,
        everyMs: 5,
        outcomes: gone,
        signal: stop.signal,
        onReading({ verdict }) {
          looks += 1;
          if (looks === 5) {
            expect(verdict).toBe("promote");
            stop.abort();
          }
        },
      })
      .catch(() => {});
    expect(looks).toBe(5);
    expect((await ops.deployer.status({ agent: AGENT })).sharePct).toBe(20);
    const result = await ops.deployer.watch({ agent: AGENT, everyMs: 5, outcomes: outcomes() });
    expect(result.state).toBe("promoted");
  });
});
