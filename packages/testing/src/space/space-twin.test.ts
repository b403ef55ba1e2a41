import { afterEach, expect, test } from "vitest";
import { VirtualClock } from "../clock/virtual-clock.ts";
import { type SpaceTwin, type SpaceTwinOptions, startSpaceTwin } from "./space-twin.ts";

const TOKEN = "hf_test0123456789abcdef";
const CSV = Buffer.from("text,response\nhello,hi\n").toString("base64");
const APP = { dataset: CSV, base_model: "org/base", project_name: "support", is_demo: true };

let clock: VirtualClock;
let twin: SpaceTwin;
afterEach(() => twin.close());

async function start(options: SpaceTwinOptions = {}) {
  clock = new VirtualClock({ startAtMs: Date.UTC(2026, 0, 1, 10), autoAdvance: false });
  twin = await startSpaceTwin({ clock, ...options });
}

async function call(method: string, path: string, body?: object, token = TOKEN) {
  const response = await fetch(`${twin.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") ?? false;
  return { status: response.status, body: isJson ? JSON.parse(text) : text };
}

test("trains in the dialect that is deployed, and fills no more of the status than it does", async () => {
  await start();
  expect((await call("GET", "/health")).body).toMatchObject({ status: "healthy" });
  const { body: job } = await call("POST", "/train", APP);
  expect(job).toMatchObject({ job_id: "job_20260101_100000_support", status: "pending" });
  expect(twin.datasetOf(job.job_id)).toBe("text,response\nhello,hi\n");
  const status = async () => (await call("GET", `/status/${job.job_id}`)).body;
  await clock.advance(10_000);
  expect(await status()).toMatchObject({
    status: "running",
    progress_pct: null,
    current_loss: null,
    hub_repo: null,
  });
  await clock.advance(600_000);
  expect(await status()).toMatchObject({
    status: "completed",
    hub_repo: "alextorelli/codechef-support-20260101_100000",
    error: null,
  });
});

test("trains in the dialect of the readme, and fails with the words of its process", async () => {
  await start({ dialect: "app-full", script: { error: "CUDA out of memory" } });
  const refused = await call("POST", "/train", APP);
  expect(refused.status).toBe(422);
  expect(refused.body.detail[0]).toMatchObject({
    type: "missing",
    loc: ["body", "agent_name"],
    msg: "Field required",
  });
  const { body: job } = await call("POST", "/train", {
    agent_name: "support",
    base_model: "org/base",
    dataset_csv: "hf://org/rows",
  });
  await clock.advance(700_000);
  expect((await call("GET", `/status/${job.job_id}`)).body).toMatchObject({
    status: "failed",
    error: "CUDA out of memory",
  });
});

test("forgets jobs when it restarts, and never ends those that are stuck", async () => {
  await start({ script: { isStuck: true } });
  const { body: job } = await call("POST", "/train", APP);
  await clock.advance(24 * 3_600_000);
  expect((await call("GET", `/status/${job.job_id}`)).body.status).toBe("running");
  twin.restart();
  expect(await call("GET", `/status/${job.job_id}`)).toEqual({
    status: 404,
    body: { detail: `Job ${job.job_id} not found` },
  });
});

test("answers with a page while it wakes up, and to strangers of a private Space", async () => {
  await start({ tokens: [TOKEN] });
  twin.sleep(60_000);
  expect(await call("GET", "/health")).toMatchObject({
    status: 503,
    body: expect.stringContaining("<html>"),
  });
  await clock.advance(59_000);
  expect((await call("GET", "/health")).status).toBe(503);
  await clock.advance(2_000);
  expect((await call("GET", "/health")).status).toBe(200);
  expect(await call("GET", "/health", undefined, "hf_other0123456789")).toMatchObject({
    status: 404,
    body: expect.stringContaining("<html>"),
  });
});

test("breaks where the published server breaks", async () => {
  await start();
  expect((await call("POST", "/train", { ...APP, project_name: "a/b" })).status).toBe(500);
  expect((await call("POST", "/train", { ...APP, dataset: "not base64!" })).status).toBe(500);
  expect((await call("POST", "/cancel/x")).status).toBe(501);
});
