import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as hub from "@huggingface/hub";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { VirtualClock } from "../clock/virtual-clock.ts";
import { type HubTwin, type HubTwinOptions, startHubTwin } from "./start-hub-twin.ts";

let twin: HubTwin;
let call: { hubUrl: string; accessToken: string };
const repo = { type: "model", name: "alice/model" } as const;

async function start(options: HubTwinOptions = {}): Promise<void> {
  twin = await startHubTwin(options);
  call = { hubUrl: twin.url, accessToken: twin.token };
}

const bytes = (length: number) => Uint8Array.from({ length }, (_, index) => (index * 7) % 251);
const commitFiles = (files: Record<string, Uint8Array | string>, title = "Add files") =>
  hub.commit({
    repo,
    title,
    operations: Object.entries(files).map(([path, content]) => ({
      operation: "addOrUpdate" as const,
      path,
      content: new Blob([content as string]),
    })),
    ...call,
  });
async function listOf<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}
const textOf = async (path: string, revision?: string) =>
  await (await hub.downloadFile({ repo, path, ...(revision ? { revision } : {}), ...call }))?.text();

describe("the Hub twin, as @huggingface/hub sees it", () => {
  beforeEach(() => start());
  afterEach(() => twin.close());

  test("knows who a token belongs to", async () => {
    expect(await hub.whoAmI(call)).toMatchObject({ type: "user", name: "alice" });
    await expect(hub.whoAmI({ hubUrl: twin.url, accessToken: "hf_other" })).rejects.toMatchObject({
      statusCode: 401,
    });
  });

  test("takes a commit with a small and an LFS file, and gives both back unchanged", async () => {
    await hub.createRepo({ repo, visibility: "private", ...call });
    await expect(hub.createRepo({ repo, ...call })).rejects.toMatchObject({ statusCode: 409 });
    const weights = bytes(300_000);
    const made = await commitFiles({ "config.json": '{"a":1}', "model.safetensors": weights });
    expect(made?.commit.oid).toMatch(/^[0-9a-f]{40}$/);

    const info = await hub.modelInfo({ name: repo.name, additionalFields: ["sha", "filePaths"], ...call });
    expect(info).toMatchObject({ name: repo.name, private: true, sha: made?.commit.oid });
    expect(await textOf("config.json")).toBe('{"a":1}');
    const blob = await hub.downloadFile({ repo, path: "model.safetensors", ...call });
    expect(blob?.size).toBe(weights.byteLength);
    expect(new Uint8Array((await blob?.slice(1000, 1100).arrayBuffer()) ?? [])).toEqual(
      weights.slice(1000, 1100),
    );
    expect(new Uint8Array((await blob?.arrayBuffer()) ?? [])).toEqual(weights);

    const entries = await listOf(hub.listFiles({ repo, recursive: true, ...call }));
    expect(entries.find((entry) => entry.path === "model.safetensors")?.lfs?.size).toBe(300_000);
    expect(await hub.fileExists({ repo, path: "nothing.bin", ...call })).toBe(false);
  });

  test("keeps every revision, branch and deletion", async () => {
    await hub.createRepo({ repo, ...call });
    const first = await commitFiles({ "a.txt": "one", "b.txt": "b" });
    await commitFiles({ "a.txt": "two" });
    await hub.createBranch({ repo, branch: "stable", revision: first?.commit.oid, ...call });
    await hub.deleteFile({ repo, path: "b.txt", ...call });
    expect(await textOf("a.txt")).toBe("two");
    expect(await textOf("a.txt", first?.commit.oid)).toBe("one");
    expect(await textOf("a.txt", "stable")).toBe("one");
    expect(await textOf("b.txt")).toBeUndefined();
    const titles = (await listOf(hub.listCommits({ repo, ...call }))).map((commit) => commit.title);
    expect(titles).toEqual(["Delete b.txt", "Add files", "Add files", "initial commit"]);
    await expect(textOf("a.txt", "nowhere")).rejects.toMatchObject({ statusCode: 404 });
  });

  test("refuses a commit that is behind, and a file whose bytes never arrived", async () => {
    await hub.createRepo({ repo, ...call });
    const first = await commitFiles({ "a.txt": "one" });
    await commitFiles({ "a.txt": "two" });
    const operations = [{ operation: "addOrUpdate" as const, path: "a.txt", content: new Blob(["three"]) }];
    await expect(
      hub.commit({ repo, title: "late", parentCommit: first?.commit.oid, operations, ...call }),
    ).rejects.toMatchObject({ statusCode: 412 });
    const lines = [
      { key: "header", value: { summary: "claim" } },
      { key: "lfsFile", value: { path: "model.bin", algo: "sha256", oid: "a".repeat(64), size: 5 } },
    ];
    const response = await fetch(`${twin.url}/api/models/alice/model/commit/main`, {
      method: "POST",
      headers: { authorization: `Bearer ${twin.token}`, "content-type": "application/x-ndjson" },
      body: lines.map((line) => JSON.stringify(line)).join("\n"),
    });
    expect(response.status).toBe(400);
    expect(twin.files(repo.name)).toEqual(["a.txt"]);
  });

  test("refuses a shard whose chunks never arrived, and a token that is not the content store's", async () => {
    await hub.createRepo({ repo, ...call });
    const headers = { authorization: `Bearer ${twin.token}` };
    const response = await fetch(`${twin.url}/api/models/alice/model/xet-write-token/main`, { headers });
    const { casUrl, accessToken } = (await response.json()) as { casUrl: string; accessToken: string };
    // Header, one file of one segment, the end of the section.
    const shard = new Uint8Array(48 * 4);
    shard.fill(1, 48, 80);
    shard[84] = 1;
    shard.fill(2, 96, 128);
    shard[140] = 3;
    shard.fill(255, 144, 176);
    const send = (token: string) =>
      fetch(`${casUrl}/v1/shards`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/octet-stream" },
        body: shard,
      });
    const refused = await send(accessToken);
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ error: expect.stringContaining("never arrived") });
    expect((await send("xet_other")).status).toBe(401);
  });

  test("hides private, gates gated, and follows renamed and disabled repositories", async () => {
    const files = { "config.json": "{}" };
    twin.addRepository({ name: "acme/hidden", isPrivate: true, files });
    twin.addRepository({ name: "acme/gated", gated: "manual", files });
    twin.addRepository({ name: "acme/open-gate", gated: "auto", admitted: ["alice"], files });
    twin.addRepository({ name: "acme/disabled", isDisabled: true, files });
    twin.addRepository({ name: "alice/old", files });
    twin.rename("alice/old", "alice/new");
    const read = async (name: string, token?: string) => {
      const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
      const response = await fetch(`${twin.url}/${name}/resolve/main/config.json`, { headers });
      return `${response.status} ${response.headers.get("x-error-code") ?? ""}`.trim();
    };
    expect(await read("acme/hidden")).toBe("401 RepoNotFound");
    expect(await read("acme/hidden", twin.token)).toBe("404 RepoNotFound");
    expect(await read("acme/nothing", twin.token)).toBe("404 RepoNotFound");
    expect(await read("acme/gated")).toBe("401 GatedRepo");
    expect(await read("acme/gated", twin.token)).toBe("403 GatedRepo");
    expect(await read("acme/open-gate", twin.token)).toBe("200");
    expect(await read("acme/disabled", twin.token)).toBe("403");
    expect(await read("alice/old", twin.token)).toBe("200");
    expect(await hub.modelInfo({ name: "acme/gated", ...call })).toMatchObject({ gated: "manual" });
  });

  test("finds models by words, owner, tags and size, page by page", async () => {
    for (let number = 0; number < 23; number += 1) {
      twin.addRepository({
        name: `acme/model-${number}`,
        downloads: number,
        facts: { pipeline_tag: "text-generation", tags: ["peft"], safetensors: { total: number * 1e9 } },
      });
    }
    twin.addRepository({ name: "other/thing", facts: { pipeline_tag: "fill-mask" } });
    const search = { owner: "acme", task: "text-generation" as const, tags: ["peft"], query: "MODEL" };
    const found = await listOf(hub.listModels({ search, sort: "downloads", ...call }));
    expect(found.map((model) => model.downloads)).toEqual(
      Array.from({ length: 23 }, (_, index) => 22 - index),
    );
    const headers = { authorization: `Bearer ${twin.token}` };
    const names: string[] = [];
    let next: string | undefined =
      `${twin.url}/api/models?author=acme&limit=10&num_parameters=min:2B,max:20B`;
    let pages = 0;
    while (next) {
      const response: Response = await fetch(next, { headers });
      names.push(...((await response.json()) as { id: string }[]).map((model) => model.id));
      next = /<([^>]+)>/.exec(response.headers.get("link") ?? "")?.[1];
      pages += 1;
    }
    expect([names.length, new Set(names).size, pages]).toEqual([19, 19, 2]);
  });

  test("runs, lists, follows and cancels jobs", async () => {
    const namespace = "alice";
    const job = await hub.runJob({
      namespace,
      dockerImage: "python:3.12",
      command: ["true"],
      flavor: "cpu-basic",
      secrets: { HF_TOKEN: twin.token },
      ...call,
    });
    const listed = await hub.listJobs({ namespace, ...call });
    expect(listed.map((entry) => entry.id)).toEqual([job.id]);
    const lines: string[] = [];
    for await (const line of hub.streamJobLogs({ namespace, jobId: job.id, ...call }))
      lines.push(line.message);
    expect(lines.at(-1)).toBe("hello from the job");
    expect((await hub.getJob({ namespace, jobId: job.id, ...call })).status.stage).toBe("COMPLETED");
    await hub.cancelJob({ namespace, jobId: job.id, ...call });
    await expect(hub.getJob({ namespace: "acme", jobId: job.id, ...call })).rejects.toMatchObject({
      statusCode: 404,
    });
    expect((await hub.listJobHardware(call)).map((flavor) => flavor.name)).toContain("a100-large");
  });

  test("starts scheduled jobs by its clock, one at a time", async () => {
    await twin.close();
    await start({
      clock: new VirtualClock({ startAtMs: Date.UTC(2026, 10, 23, 10, 7), autoAdvance: false }),
      jobs: { script: [{ start: true }, { afterMs: 40 * 60_000, exit: 0 }] },
    });
    const clock = twin.clock as VirtualClock;
    const namespace = "alice";
    const scheduled = await hub.createScheduledJob({
      namespace,
      schedule: "*/30 * * * *",
      jobSpec: { dockerImage: "python:3.12", command: ["true"], flavor: "cpu-basic", timeoutSeconds: 7200 },
      ...call,
    });
    // The library's type lacks the status.
    expect(scheduled).toMatchObject({ status: { nextJobRunAt: "2026-11-23T10:30:00.000Z" } });
    await clock.advance(2 * 3_600_000);
    // Half past ten, half past eleven: at eleven and at noon the one before still ran.
    const times = twin.jobs.all.map((job) => new Date(job.createdAtMs).toISOString().slice(11, 16));
    expect(times).toEqual(["10:30", "11:30"]);
    expect(await hub.runScheduledJob({ namespace, jobId: scheduled.id, ...call })).toBeNull();
    await hub.suspendScheduledJob({ namespace, jobId: scheduled.id, ...call });
    await clock.advance(24 * 3_600_000);
    expect(twin.jobs.all).toHaveLength(2);
    await hub.deleteScheduledJob({ namespace, jobId: scheduled.id, ...call });
    expect(await hub.listScheduledJobs({ namespace, ...call })).toEqual([]);
  });
});

test("a twin in a folder finds its repositories again", async () => {
  const folder = await mkdtemp(join(tmpdir(), "hub-twin-"));
  try {
    await start({ folder });
    await hub.createRepo({ repo, ...call });
    await commitFiles({ "model.safetensors": bytes(5000) });
    await twin.close();
    await start({ folder });
    expect(twin.files(repo.name)).toEqual(["model.safetensors"]);
    expect(await twin.readFile(repo.name, "model.safetensors")).toEqual(Buffer.from(bytes(5000)));
    await twin.close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
