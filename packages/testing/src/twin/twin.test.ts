import { gzipSync, zstdCompressSync } from "node:zlib";
import { Hono } from "hono";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { VirtualClock } from "../clock/virtual-clock.ts";
import { startTwin, type Twin } from "./twin.ts";

let twin: Twin;
let created: number;

beforeEach(async () => {
  created = 0;
  const app = new Hono();
  app.post("/things/:name", async (context) => {
    created += 1;
    return context.json({ name: context.req.param("name"), sent: await context.req.json(), created });
  });
  app.get("/long", (context) => context.text("x".repeat(1000)));
  twin = await startTwin("things", app);
});

afterEach(async () => {
  await twin.close().catch(() => {});
});

const post = (
  fetcher: typeof globalThis.fetch,
  body: unknown = { a: 1 },
  headers: Record<string, string> = {},
) =>
  fetcher(`${twin.url}/things/one`, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
    signal: AbortSignal.timeout(2000),
  });

describe.each(["socket", "in process"] as const)("a twin through the %s", (way) => {
  const fetcher: typeof globalThis.fetch = (input, init) =>
    way === "socket" ? globalThis.fetch(input, init) : twin.fetch(input, init);

  test("answers, and logs what it was asked", async () => {
    const response = await post(fetcher);
    expect(await response.json()).toEqual({ name: "one", sent: { a: 1 }, created: 1 });
    const asked = twin.requests.to("POST /things/*");
    expect(asked.count).toBe(1);
    expect(asked.json()).toEqual([{ a: 1 }]);
    expect(asked.last).toMatchObject({ status: 200, path: "/things/one", fault: null });
  });

  test("names a route it does not have with 501", async () => {
    const response = await fetcher(`${twin.url}/elsewhere?x=1`);
    expect(response.status).toBe(501);
    expect(await response.json()).toEqual({ error: "The things twin has no route GET /elsewhere." });
  });

  test("plays a fault on the nth call only", async () => {
    twin.faults.add({
      route: "POST /things/*",
      nth: 2,
      fault: { kind: "reply", status: 429, headers: { "retry-after": "3" } },
    });
    const statuses = [];
    for (let call = 0; call < 3; call += 1) statuses.push((await post(fetcher)).status);
    expect(statuses).toEqual([200, 429, 200]);
    expect(created).toBe(2);
    expect(twin.faults.allPlayed).toBe(true);
  });

  test("cuts connections before the work, after the work, and within the answer", async () => {
    twin.faults.add(
      { route: "POST /**", nth: 1, fault: { kind: "reset" } },
      { route: "POST /**", nth: 2, fault: { kind: "lose-reply" } },
      { route: "GET /long", fault: { kind: "cut", afterBytes: 300 } },
    );
    await expect(post(fetcher)).rejects.toThrow();
    expect(created).toBe(0);
    await expect(post(fetcher)).rejects.toThrow();
    expect(created).toBe(1);
    const response = await fetcher(`${twin.url}/long`);
    await expect(response.text()).rejects.toThrow();
    expect(twin.requests.all.map((request) => request.fault)).toEqual(["reset", "lose-reply", "cut"]);
  });

  test("a reset looks like one to the caller", async () => {
    twin.faults.add({ route: "POST /**", fault: { kind: "reset" } });
    await expect(post(fetcher)).rejects.toMatchObject({ cause: { code: "ECONNRESET" } });
  });

  test("plays a fault by predicate, on some calls, so many times, with its body and headers", async () => {
    const played: string[] = [];
    twin.faults.add(
      {
        name: "for b",
        route: "POST /things/*",
        when: ({ bodyText, headers }) => bodyText === '{"a":"b"}' && headers["x-who"] === "me",
        times: 2,
        fault: { kind: "reply", status: 503, body: { detail: "busy" }, headers: { "x-busy": "yes" } },
      },
      { route: "* /long", nth: [2, 4], fault: { kind: "reply", status: 500, body: "in words" } },
    );
    for (const value of ["a", "b", "b", "b"]) {
      const response = await post(fetcher, { a: value }, { "x-who": "me" });
      played.push(`${response.status} ${response.headers.get("x-busy")}`);
      if (response.status === 503) expect(await response.json()).toEqual({ detail: "busy" });
    }
    expect(played).toEqual(["200 null", "503 yes", "503 yes", "200 null"]);
    const texts: string[] = [];
    for (let call = 1; call <= 5; call += 1) texts.push(await (await fetcher(`${twin.url}/long`)).text());
    expect(texts.map((text) => text === "in words")).toEqual([false, true, false, true, false]);
    expect(twin.requests.all.map(({ fault }) => fault).filter(Boolean)).toEqual([
      "for b",
      "for b",
      "reply",
      "reply",
    ]);
  });

  test("answers late, and on a cut sends exactly the bytes before it", async () => {
    twin.faults.add(
      { route: "POST /**", fault: { kind: "delay", durationMs: 20 } },
      { route: "GET /long", fault: { kind: "cut", afterBytes: 300 } },
    );
    expect((await post(fetcher)).status).toBe(200);
    const response = await fetcher(`${twin.url}/long`);
    let received = 0;
    await expect(
      (async () => {
        for await (const chunk of response.body ?? []) received += chunk.byteLength;
      })(),
    ).rejects.toThrow();
    expect(received).toBe(300);
  });

  test("hangs until the caller gives up, and delivers a request twice", async () => {
    twin.faults.add(
      { route: "GET /long", fault: { kind: "hang" } },
      { route: "POST /**", fault: { kind: "duplicate" } },
    );
    await expect(fetcher(`${twin.url}/long`, { signal: AbortSignal.timeout(50) })).rejects.toThrow(
      /abort|timeout/i,
    );
    await post(fetcher);
    expect(created).toBe(2);
  });

  test("a secret outside its header fails the request and the test that runs", async () => {
    const token = "hf_secret0123456789";
    await post(fetcher, {}, { authorization: `Bearer ${token}` });
    await post(fetcher, { secrets: { HF_TOKEN: token } }, { authorization: `Bearer ${token}` });
    expect(twin.secrets.leaks).toEqual([]);
    expect((await post(fetcher, { env: { HF_TOKEN: token } })).status).toBe(500);
    await fetcher(`${twin.url}/long?token=${token}`);
    expect(twin.secrets.leaks.map((leak) => leak.place)).toEqual(["body", "url"]);
    await expect(twin.close()).rejects.toMatchObject({ code: "testing/secret-leaked" });
  });
});

describe("a known secret is found", () => {
  const token = "hf_secret0123456789";
  const traced = `{"inputs":{"env":{"secrets":{"HF_TOKEN":"${token}"}}}}`;
  const form = () => {
    const parts = new FormData();
    parts.set("post.1.inputs", new Blob([traced], { type: "application/json" }));
    return parts;
  };
  const base64 = (before: string) => Buffer.from(`${before}token = ${token}\n`).toString("base64");

  test.each<[string, string | FormData | Uint8Array<ArrayBuffer>, Record<string, string>]>([
    ["in a multipart trace", form(), {}],
    ["in a gzipped body", Uint8Array.from(gzipSync(traced)), { "content-encoding": "gzip" }],
    ["in a body packed with zstd", Uint8Array.from(zstdCompressSync(traced)), { "content-encoding": "zstd" }],
    ["in a file", `# ${token}`, { "content-type": "application/octet-stream" }],
    ["in base64", JSON.stringify({ content: base64("") }), {}],
    ["in base64, one byte on", JSON.stringify({ content: base64(".") }), {}],
    ["in base64, two bytes on", JSON.stringify({ content: base64("..") }), {}],
    ["in the secrets of something that has none", JSON.stringify({ inputs: { secrets: token } }), {}],
  ])("%s", async (_where, body, headers) => {
    twin.secrets.add(token);
    const response = await fetch(`${twin.url}/things/one`, { method: "POST", body, headers });
    expect(response.status).toBe(500);
    expect(twin.secrets.leaks).toMatchObject([{ place: "body" }]);
  });

  test("but not where jobs and endpoints take theirs", async () => {
    twin.secrets.add(token);
    const bodies = [
      { secrets: { HF_TOKEN: token } },
      { jobSpec: { secrets: { HF_TOKEN: token } } },
      { model: { secrets: { HF_TOKEN: token }, image: { custom: { credentials: { password: token } } } } },
    ];
    for (const body of bodies) expect((await post(fetch, body)).status).toBe(200);
    expect(twin.secrets.leaks).toEqual([]);
  });
});

test("a packed body is logged as what was packed", async () => {
  await fetch(`${twin.url}/elsewhere`, {
    method: "POST",
    body: Uint8Array.from(gzipSync('{"a":1}')),
    headers: { "content-type": "application/json", "content-encoding": "gzip" },
  });
  expect(twin.requests.to("POST /elsewhere").json()).toEqual([{ a: 1 }]);
});

test("on a virtual clock a late answer comes at its time, and one that never comes holds nobody up", async () => {
  const clock = new VirtualClock({ startAtMs: 0 });
  const slow = await startTwin(
    "slow",
    new Hono().get("/", (context) => context.text("here")),
    { clock },
  );
  slow.faults.add(
    { route: "GET /", nth: 1, fault: { kind: "delay", durationMs: 3_600_000 } },
    { route: "GET /", nth: 2, fault: { kind: "hang" } },
  );
  await slow.fetch(`${slow.url}/`);
  expect(clock.now()).toBe(3_600_000);
  const controller = new AbortController();
  const hanging = slow.fetch(`${slow.url}/`, { signal: controller.signal });
  await clock.sleep(1000);
  controller.abort(new Error("enough"));
  await expect(hanging).rejects.toThrow("enough");
  await slow.close();
});

test("refuses a route pattern it cannot read", () => {
  expect(() => twin.requests.to("post things")).toThrow(/not a route/);
});
