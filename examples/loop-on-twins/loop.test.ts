import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  accuracy,
  createModelOps,
  hfJobs,
  type ModelOps,
  type ModelOpsEvent,
  openAICompatible,
  type RolloutPlan,
  type Router,
} from "@modelops/core";
import { hfEndpoints } from "@modelops/target-hf-endpoints";
import { openRouter } from "@modelops/target-openrouter";
import {
  baseModelSeed,
  type ScriptedQuestion,
  scriptedTraining,
  startTwins,
  type Twins,
} from "@modelops/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** The configuration of a real host, where it is at hand. */
const HOST_FILE = fileURLToPath(new URL("../../../shared/data/host/models.yaml", import.meta.url));
const AGENT = "feature_dev";
const IN_USE = "qwen/qwen-2.5-coder-32b-instruct";
const SESSIONS_PER_HOUR = 400;
const MINUTE_MS = 60_000;
const MACHINE = {
  vendor: "aws",
  region: "us-east-1",
  accelerator: "gpu",
  instanceType: "nvidia-l4",
  instanceSize: "x1",
} as const;
const KEYS = { openRouter: "sk-or-test-0123456789abcdef", huggingFace: "hf_test0123456789abcdef0123" };
const PLAN: RolloutPlan = {
  steps: [
    { sharePct: 20, minimumSessions: 60, minimumDurationMs: 15 * MINUTE_MS },
    { sharePct: 50, minimumSessions: 60, minimumDurationMs: 15 * MINUTE_MS },
    { sharePct: 100 },
  ],
};

const taskOf = (index: number) => ({ prompt: `task ${index}`, completion: `patch ${index}` });

/** Right for `goodOf` of ten tasks, whichever order they come in. */
const answering =
  (goodOf: number) =>
  ({ prompt }: ScriptedQuestion): string => {
    const index = Number(prompt.split(" ").at(-1));
    return index % 10 < goodOf ? taskOf(index).completion : "I am not sure.";
  };

describe.skipIf(!existsSync(HOST_FILE))(
  `the whole loop against twins${existsSync(HOST_FILE) ? "" : " (skipped: no ../shared/data/host/models.yaml)"}`,
  () => {
    let folder: string;
    let modelsYaml: string;
    let original: Buffer;
    let twins: Twins;
    let ops: ModelOps;
    let router: Router;
    const seen: ModelOpsEvent[] = [];

    /** What happened to the agent's rollouts from an event on. */
    const rolloutEvents = (from: number) =>
      seen.slice(from).flatMap(({ type }) => (type.startsWith("rollout.") ? [type] : []));

    /** Trains on rented hardware (hours of virtual time) and gives the registered version. */
    const train = async (hubRepo: string) => {
      const { version } = await ops.train({
        agent: AGENT,
        baseModel: "acme/coder-500m",
        adapter: "full",
        dataset: Array.from({ length: 40 }, (_, index) => taskOf(index)),
        hardware: "a10g-large",
        timeoutMs: 180 * MINUTE_MS,
        hubRepo,
      });
      return version;
    };

    /** Sessions at the host's usual pace until told to stop. Gives how many went well. */
    const traffic = () => {
      let running = true;
      let session = 0;
      const chat = router.wrap({
        agent: AGENT,
        models: ({ target, configValue, baseUrl }) =>
          openAICompatible({
            baseUrl: baseUrl ?? "",
            model: configValue,
            apiKey: target === "openrouter" ? KEYS.openRouter : KEYS.huggingFace,
            clock: twins.clock,
          }),
        judge: (result, { messages }) => {
          const index = Number(String(messages.at(-1)?.content).split(" ").at(-1));
          return { ok: result.text === taskOf(index).completion };
        },
      });
      const ended = (async () => {
        while (running) {
          session += 1;
          const messages = [{ role: "user" as const, content: taskOf(session).prompt }];
          await chat.generate({ messages }, { sessionKey: `session-${session}` });
          await twins.clock.sleep(3_600_000 / SESSIONS_PER_HOUR);
        }
        return session;
      })();
      return {
        stop() {
          running = false;
          return ended;
        },
      };
    };

    const watch = async () => {
      const { stop } = traffic();
      const result = await ops.deployer.watch({ agent: AGENT, everyMs: MINUTE_MS / 2 }).finally(() => stop());
      return { ...result, sessions: await stop() };
    };

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "modelops-loop-"));
      mkdirSync(join(folder, "config"));
      modelsYaml = join(folder, "config", "models.yaml");
      copyFileSync(HOST_FILE, modelsYaml);
      original = readFileSync(modelsYaml);
      twins = await startTwins({
        hub: {
          repositories: [baseModelSeed({ name: "acme/coder-500m", parameters: 5e8, license: "mit" })],
          jobs: { script: scriptedTraining({ steps: 12, stepMs: 5 * MINUTE_MS }) },
        },
        endpoints: {
          tokens: [KEYS.huggingFace],
          computes: [{ ...MACHINE, usdPerHour: 0.8, maxAccelerators: 4 }],
          model: ({ repository }) => ({ answers: answering(repository.includes("good") ? 10 : 4) }),
        },
        openrouter: {
          keys: [{ key: KEYS.openRouter }],
          models: [
            {
              id: IN_USE,
              price: { inputUsdPerMillionTokens: 0.07, outputUsdPerMillionTokens: 0.16 },
              answers: answering(8),
            },
          ],
        },
      });
      const { clock, hub } = twins;
      ops = createModelOps({
        home: join(folder, "home"),
        clock,
        hub: { hubUrl: hub.url, token: hub.token },
        backend: hfJobs({ namespace: "alice", token: hub.token, hubUrl: hub.url }, { clock }),
        targets: [
          openRouter({ apiKey: KEYS.openRouter, baseUrl: twins.openrouter.baseUrl, clock }),
          hfEndpoints({
            namespace: "alice",
            token: KEYS.huggingFace,
            compute: MACHINE,
            // A version in service shall not fall asleep while the next one trains.
            minimumReplicas: 1,
            managementUrl: twins.endpoints.managementUrl,
            clock,
          }),
        ],
        hostConfig: {
          file: modelsYaml,
          paths: {
            openrouter: "openrouter.agent_models.<agent>",
            "hf-endpoints": "openrouter.agent_models.<agent>",
          },
        },
      });
      ops.onAny((event) => void seen.push(event));
      await ops.registry.addVersion({
        agent: AGENT,
        version: "v1.0.0",
        modelId: IN_USE,
        trainingConfig: { baseModel: IN_USE, trainingMethod: "sft", trainingDataset: "none" },
      });
      await ops.deployer.deploy({
        agent: AGENT,
        version: "v1.0.0",
        target: "openrouter",
        rollout: "immediate",
        override: { reason: "the model in use, the yardstick of the evaluation" },
      });
      router = ops.router({
        flushEveryMs: MINUTE_MS / 2,
        heartbeatEveryMs: MINUTE_MS,
        pollEveryMs: MINUTE_MS,
      });
    });
    afterAll(async () => {
      await router?.close();
      await ops?.close();
      await twins?.close();
      await rm(folder, { recursive: true, force: true });
    });

    it("train → evaluate → canary → promote: one line of models.yaml changes", async () => {
      const [startedAt, from] = [twins.clock.now(), seen.length];
      expect(readFileSync(modelsYaml)).toEqual(original);
      const version = await train("alice/feature-dev-good");
      const models = {
        candidate: await ops.model({
          agent: AGENT,
          version,
          target: "hf-endpoints",
          approveServing: () => true,
        }),
        baseline: await ops.model({ agent: AGENT, version: "v1.0.0", target: "openrouter" }),
      };
      const report = await ops.evaluator.compare({
        agent: AGENT,
        candidate: { version, model: models.candidate },
        baseline: { version: "v1.0.0", model: models.baseline },
        dataset: Array.from({ length: 60 }, (_, index) => ({
          id: `task-${index}`,
          inputs: { prompt: taskOf(index).prompt },
          outputs: { text: taskOf(index).completion },
          metadata: {},
        })),
        metrics: [accuracy()],
      });
      expect(report.recommendation).toMatch(/^deploy/);
      await ops.registry.updateScores({
        agent: AGENT,
        version,
        scores: { accuracy: report.candidateScore ?? 0 },
      });

      const canary = await ops.deployer.deploy({
        agent: AGENT,
        version,
        target: "hf-endpoints",
        rollout: PLAN,
      });
      expect(canary).toMatchObject({ rolloutPct: 20, effectiveModel: null });
      expect(readFileSync(modelsYaml)).toEqual(original);
      expect(await watch()).toMatchObject({ state: "promoted", version });
      expect(rolloutEvents(from)).toEqual(["rollout.started", "rollout.stepped", "rollout.promoted"]);

      const [before, after] = [original.toString().split("\n"), readFileSync(modelsYaml, "utf8").split("\n")];
      const changed = before.flatMap((line, index) => (line === after[index] ? [] : [index]));
      expect(after).toHaveLength(before.length);
      expect(changed).toHaveLength(1);
      const [at = -1] = changed;
      expect(before[at]).toContain(`feature_dev: ${IN_USE} #`);
      expect(after[at]?.split("#")[1]).toBe(before[at]?.split("#")[1]);
      expect((await ops.registry.pointers({ agent: AGENT })).current).toBe(version);
      // Hours of training and of canary, rehearsed in seconds.
      expect(twins.clock.now() - startedAt).toBeGreaterThan(90 * MINUTE_MS);
    });

    it("train → canary of a bad model → automatic rollback: the host's file is not touched", async () => {
      const [promoted, from] = [readFileSync(modelsYaml), seen.length];
      const version = await train("alice/feature-dev-bad");
      await ops.deployer.deploy({
        agent: AGENT,
        version,
        target: "hf-endpoints",
        rollout: PLAN,
        override: { reason: "nobody evaluated it" },
      });
      const result = await watch();
      expect(result).toMatchObject({ state: "rolled-back", version });
      expect(result.reason).toContain("success");
      expect(rolloutEvents(from)).toEqual([
        "rollout.started",
        "rollout.rolled-back",
        "rollout.rollback-verified",
      ]);
      const proof = seen.slice(from).find(({ type }) => type === "rollout.rollback-verified");
      expect(proof?.data).toMatchObject({ verification: { complete: true, missing: [] } });
      const status = await ops.deployer.status({ agent: AGENT });
      expect(status).toMatchObject({ canary: null, sharePct: 0 });
      expect(status.baseline?.modelId).toBe("alice/feature-dev-good");
      expect(readFileSync(modelsYaml)).toEqual(promoted);
    });

    it("a rollback of the promotion restores the file byte for byte", async () => {
      const { version, config, verification } = await ops.deployer.rollback({
        agent: AGENT,
        reason: "the old one, after all",
      });
      expect({ version, config }).toEqual({ version: "v1.0.0", config: "bytes" });
      expect(verification).toMatchObject({ complete: true, missing: [], probeVersion: "v1.0.0" });
      expect(readFileSync(modelsYaml)).toEqual(original);
      expect((await ops.deployer.reconcile()).drift).toEqual([]);
    });
  },
);
