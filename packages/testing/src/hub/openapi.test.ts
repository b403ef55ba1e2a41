import * as hub from "@huggingface/hub";
import { afterAll, beforeAll, expect, test } from "vitest";
import { VirtualClock } from "../clock/virtual-clock.ts";
import { BASE_MODEL, backendOf, collect, trainingRun } from "../jobs/__fixtures__/training-run.ts";
import { scriptedTraining } from "../jobs/scripted-training.ts";
import { PublishedInterface } from "./__fixtures__/published-interface.ts";
import { type HubTwin, startHubTwin } from "./start-hub-twin.ts";

/** What the published file describes and the twin never sends; the guide to the twins says why. */
const NEVER_SENT = [
  // Files are sent by the twin itself, whole or in part; there is no content network to redirect to.
  /^(200|302|304|307|400|404) of get .*\/resolve\//,
  // A file without content for a sample is taken.
  /^422 of post .*\/preupload\//,
  // The first operation that fails refuses the whole batch, with a message.
  /^422 of post .*\/batch$/,
  // Telling agents apart is the service's business.
  /^200 of get \/api\/agent-harnesses$/,
];

const published = new PublishedInterface();
const fetch = published.watch(globalThis.fetch);
const clock = new VirtualClock({ startAtMs: Date.UTC(2026, 10, 23, 10) });
let twin: HubTwin;

beforeAll(async () => {
  twin = await startHubTwin({
    clock,
    repositories: [BASE_MODEL],
    papers: [
      {
        id: "2305.18290",
        title: "Direct Preference Optimization",
        summary: "No reward model.",
        authors: ["R. R."],
      },
      { id: "2106.09685", title: "LoRA", summary: "Low rank.", upvotes: 3, githubRepo: "microsoft/LoRA" },
    ],
    docs: [
      {
        product: "trl",
        title: "DPO",
        headings: ["Beta"],
        text: "How far from the base.",
        url: "https://docs.test/dpo#beta",
      },
      {
        product: "peft",
        title: "LoRA",
        text: "The base stays; the rank decides.",
        url: "https://docs.test/lora#rank",
      },
    ],
    jobs: { script: scriptedTraining() },
  });
});
afterAll(() => twin.close());

/** Asks the twin as no client does, for the routes that no client here has a call for. */
async function ask(method: string, path: string, body?: object): Promise<number> {
  const response = await fetch(`${twin.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${twin.token}`, "content-type": "application/json" },
    ...(body && { body: JSON.stringify(body) }),
  });
  await response.arrayBuffer();
  return response.status;
}

test.each(["model", "dataset", "space"] as const)(
  "a %s, by its client and by what clients leave out",
  async (type) => {
    const call = { hubUrl: twin.url, accessToken: twin.token, fetch };
    const repo = { type, name: `alice/a-${type}` } as const;
    const base = `/api/${type}s/${repo.name}`;
    const space = type === "space" ? { sdk: "static" as const } : {};
    await hub.createRepo({ repo, visibility: "private", ...space, ...call });
    await expect(hub.createRepo({ repo, ...space, ...call })).rejects.toMatchObject({ statusCode: 409 });
    await hub.commit({
      repo,
      title: "Add",
      operations: [
        { operation: "addOrUpdate", path: "config.json", content: new Blob(["{}"]) },
        { operation: "addOrUpdate", path: "model.safetensors", content: new Blob(["x".repeat(4000)]) },
      ],
      ...call,
    });
    for await (const _entry of hub.listFiles({ repo, recursive: true, expand: true, ...call })) void _entry;
    for await (const _commit of hub.listCommits({ repo, ...call })) void _commit;
    await hub.pathsInfo({ repo, paths: ["config.json", "model.safetensors"], expand: false, ...call });
    await hub.createBranch({ repo, branch: "stable", ...call });
    expect(await ask("GET", `${base}/refs`)).toBe(200);
    expect(await ask("GET", `${base}/tree/main/`)).toBe(200);
    expect(await ask("GET", `${base}/xet-write-token/main`)).toBe(200);
    expect(await ask("POST", `${base}/tag/main`, { tag: "v1" })).toBe(200);
    expect(await ask("PUT", `${base}/settings`, { private: false })).toBe(200);
    const moved = { fromRepo: repo.name, toRepo: `${repo.name}-moved`, type };
    expect(await ask("POST", "/api/repos/move", moved)).toBe(200);
  },
);

test("accounts, papers, documentation and buckets", async () => {
  await hub.whoAmI({ hubUrl: twin.url, accessToken: twin.token, fetch });
  for (const path of ["/api/daily_papers", "/api/docs/search?q=base", "/api/docs/search/full-text?q=base"])
    expect(await ask("GET", path)).toBe(200);
  const bucket = "/api/buckets/alice/artifacts";
  expect(await ask("POST", bucket, { private: true })).toBe(200);
  expect(await ask("POST", bucket, {})).toBe(409);
  for (const path of ["", "/tree/", "/xet-write-token"])
    expect(await ask("GET", `${bucket}${path}`)).toBe(200);
  expect(await ask("POST", `${bucket}/batch`)).toBe(200);
});

test("jobs, by the library's own training backend", async () => {
  const backend = backendOf(twin, {}, fetch);
  await backend.hardware();
  const job = await backend.submit(await trainingRun());
  await collect(backend.events(job.backendJobId));
  await backend.artifact(job.backendJobId);
  await backend.cancel((await backend.submit(await trainingRun({ runId: "run-2" }))).backendJobId);
  const path = `/api/jobs/${job.backendJobId}`;
  const answers = [
    await ask("GET", "/api/jobs/alice/count"),
    await ask("GET", "/api/settings/billing/usage/jobs"),
    await ask("POST", "/api/jobs/alice/auth-check/write"),
    await ask("POST", `${path}/auth-check/read`),
    await ask("PUT", `${path}/labels`, { labels: { a: "b" } }),
    await ask("POST", `${path}/duplicate`),
  ];
  expect(answers).toEqual([200, 200, 200, 200, 200, 200]);
});

test("scheduled jobs", async () => {
  const call = { hubUrl: twin.url, accessToken: twin.token, namespace: "alice", fetch };
  const made = await hub.createScheduledJob({
    ...call,
    schedule: "@daily",
    jobSpec: { dockerImage: "python:3.12", command: ["true"], flavor: "cpu-basic" } as never,
  });
  const path = `/api/scheduled-jobs/alice/${made.id}`;
  // The first run has not ended when the second one is asked for.
  twin.jobs.script([{ start: true }, { afterMs: 3_600_000, log: "done" }, { exit: 0 }]);
  clock.setAutoAdvance(false);
  await hub.listScheduledJobs(call);
  const answers = [
    await ask("GET", path),
    await ask("POST", `${path}/schedule`, { schedule: "@hourly" }),
    await ask("PUT", `${path}/labels`, { labels: { a: "b" } }),
    await ask("POST", `${path}/run`),
    await ask("POST", `${path}/run`),
  ];
  expect(answers).toEqual([200, 200, 200, 200, 409]);
});

test("nothing that is published and that the twin has was left out", () => {
  const left = published.all.filter((name) => !published.checked.has(name));
  expect(left.filter((name) => !NEVER_SENT.some((pattern) => pattern.test(name)))).toEqual([]);
  expect(published.problems).toEqual([]);
  expect(published.checked.size).toBeGreaterThan(75);
});
