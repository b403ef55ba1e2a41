import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { openAICompatible, systemClock } from "@modelops/core";
import { afterEach, expect, test } from "vitest";
import { startEndpointsTwin } from "./endpoints/endpoints-twin.ts";
import { faultPresets } from "./fault-presets.ts";
import type { FaultRule } from "./faults/fault-script.ts";
import { startHubTwin } from "./hub/start-hub-twin.ts";
import { startLangSmithTwin } from "./langsmith/langsmith-twin.ts";
import { startModelsTwin } from "./models/models-twin.ts";
import { startOpenRouterTwin } from "./openrouter/openrouter-twin.ts";
import { startSpaceTwin } from "./space/space-twin.ts";
import { startTwins, type Twins } from "./start-twins.ts";
import type { Twin } from "./twin/twin.ts";

const KEY = "sk-test-0123456789abcdef";
const question = { messages: [{ role: "user" as const, content: "hi" }] };

let twins: Twins;
afterEach(() => twins?.close().catch(() => {}));

test("starts every service, each at its own address, with one clock and one log", async () => {
  twins = await startTwins({
    models: { models: [{ id: "m", otherwise: "from models", latencyMs: 3_600_000 }] },
    openrouter: { models: [{ id: "a/b", otherwise: "from openrouter" }] },
  });
  expect(new Set(Object.values(twins.urls)).size).toBe(6);
  const { clock } = twins;
  const before = clock.now();
  const ask = async (baseUrl: string, model: string, fetch?: typeof globalThis.fetch) =>
    (await openAICompatible({ baseUrl, model, apiKey: KEY, clock, fetch }).generate(question)).text;
  expect(await ask(twins.urls.models, "m")).toBe("from models");
  expect(clock.now() - before).toBe(3_600_000);
  expect(await ask(twins.urls.openrouter, "a/b", twins.fetch)).toBe("from openrouter");
  const headers = { authorization: `Bearer ${twins.hub.token}` };
  expect((await fetch(`${twins.urls.hub}/api/whoami-v2`, { headers })).status).toBe(200);
  expect((await twins.fetch(`${twins.urls.langsmith}/info`)).status).toBe(200);
  expect((await twins.fetch(`${twins.urls.space}/health`)).status).toBe(200);
  expect((await fetch(`${twins.urls.endpoints}/provider/me`, { headers })).status).toBe(200);
  expect(twins.requests.all.map(({ twin }) => twin.toLowerCase())).toEqual([
    "models",
    "openrouter",
    "hub",
    "langsmith",
    "space",
    "endpoints",
  ]);
  await expect(twins.fetch("http://127.0.0.1:1/x")).rejects.toThrow("no twin answers");
});

test.each<[string, () => Promise<Twin>, string]>([
  ["Hub", startHubTwin, "/api/jobs/hardware"],
  ["Inference Endpoints", startEndpointsTwin, "/v2/provider/me"],
  ["Space trainer", startSpaceTwin, "/health"],
  ["LangSmith", startLangSmithTwin, "/info"],
  ["OpenRouter", startOpenRouterTwin, "/api/v1/models"],
  ["Models", startModelsTwin, "/v1/models"],
])(
  "the %s twin starts alone and answers the same over a socket and in process",
  async (_name, start, path) => {
    const twin = await start();
    try {
      const headers = { authorization: `Bearer ${KEY}`, "x-api-key": KEY };
      const answers = [];
      for (const ask of [fetch, twin.fetch]) {
        const found = await ask(`${twin.url}${path}`, { headers });
        const absent = await ask(`${twin.url}/no/such/route`, { headers });
        answers.push([found.status, await found.json(), absent.status, await absent.json()]);
      }
      expect(answers[0]).toEqual(answers[1]);
      expect(answers[0]).toMatchObject([
        200,
        {},
        501,
        { error: expect.stringContaining("GET /no/such/route") },
      ]);
      expect(twin.requests.total).toBe(4);
    } finally {
      await twin.close();
    }
  },
);

test("takes the machine's clock where other processes take part", async () => {
  const own = await startTwins({ clock: systemClock });
  expect(own.clock).toBe(systemClock);
  expect(own.hub.clock).toBe(systemClock);
  await own.close();
});

test("plays faults by name, on any of the services", async () => {
  twins = await startTwins({
    models: { models: [{ id: "m" }] },
    openrouter: { models: [{ id: "a/b" }] },
  });
  const { clock } = twins;
  twins.faults.add(
    ...faultPresets.chatOutOfCredits(),
    ...faultPresets.chatRateLimited({ times: 1, seconds: 30 }),
    ...faultPresets.langSmithInfoDown({ times: 1 }),
    ...faultPresets.outOfCredits(),
  );
  const router = openAICompatible({ baseUrl: twins.urls.openrouter, model: "a/b", apiKey: KEY, clock });
  await expect(router.generate(question)).rejects.toMatchObject({ code: "model/payment-required" });
  const before = clock.now();
  const server = openAICompatible({ baseUrl: twins.urls.models, model: "m", apiKey: KEY, clock });
  expect(await server.generate(question)).toMatchObject({ attempts: 2 });
  expect(clock.now() - before).toBeGreaterThanOrEqual(30_000);
  const statuses = [1, 2].map(async () => (await fetch(`${twins.urls.langsmith}/info`)).status);
  expect((await Promise.all(statuses)).sort()).toEqual([200, 503]);
  const headers = { authorization: `Bearer ${twins.hub.token}` };
  const paid = await fetch(`${twins.urls.hub}/api/jobs/alice`, { method: "POST", headers, body: "{}" });
  expect(paid.status).toBe(402);
});

test("every preset is a rule that its script accepts", async () => {
  twins = await startTwins();
  for (const [name, preset] of Object.entries(faultPresets)) {
    const rules = (preset as (route?: string) => readonly FaultRule[])(
      name === "rateLimited" ? "GET /**" : undefined,
    );
    expect(rules.length).toBeGreaterThan(0);
    for (const rule of rules) expect(rule.name).toBe(name);
    twins.faults.add(...rules);
  }
});

test("fails when a secret went to the wrong place, after it has ended every twin", async () => {
  twins = await startTwins();
  await fetch(`${twins.urls.models}/models?key=${KEY}`, { headers: { authorization: `Bearer ${KEY}` } });
  await expect(twins.close()).rejects.toMatchObject({ code: "testing/secret-leaked" });
  await expect(fetch(twins.hub.url)).rejects.toThrow();
});

test("pulls in no test runner", () => {
  const preload = join(import.meta.dirname, "../../../scripts/docs-resolve.ts");
  const program = 'await import("@modelops/testing");';
  const trace = spawnSync(
    process.execPath,
    [
      "--import",
      preload,
      "--import",
      join(import.meta.dirname, "../test-support/note-imports.ts"),
      "--input-type=module",
      "-e",
      program,
    ],
    { encoding: "utf8", cwd: import.meta.dirname },
  );
  expect(trace.status, trace.stderr).toBe(0);
  const imported = trace.stderr.split("\n").filter((line) => line.startsWith("imported "));
  expect(imported.some((line) => line.includes("describe-deploy-target"))).toBe(true);
  expect(imported.filter((line) => /vitest|node:test|\/jest|\/mocha/.test(line))).toEqual([]);
});
