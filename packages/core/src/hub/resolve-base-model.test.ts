import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { resolveBaseModel } from "./resolve-base-model.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const FILES: Record<string, string> = {
  "config.json": '{"model_type":"llama"}',
  "tokenizer.json": "{}",
  "model.safetensors": "weights",
  "pytorch_model.bin": "pickled, never fetched",
  "README.md": "not needed",
};

let folder: string;
let server: Server;
let hubUrl: string;
let requested: string[];
let infoStatus: number;

/** The few Hub routes that a download needs, over a real socket. */
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "modelops-hub-"));
  requested = [];
  infoStatus = 200;
  server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://hub");
    requested.push(`${request.method} ${url.pathname}`);
    if (url.pathname.startsWith("/api/models/org/tiny/tree/")) {
      const tree = Object.entries(FILES).map(([path, text]) => ({
        type: "file",
        path,
        size: text.length,
        oid: `oid-${path}`,
      }));
      response.setHeader("content-type", "application/json").end(JSON.stringify(tree));
    } else if (url.pathname.startsWith("/api/models/org/tiny/paths-info/")) {
      let body = "";
      request.on("data", (chunk) => {
        body += chunk;
      });
      request.on("end", () => {
        const asked = (JSON.parse(body) as { paths: string[] }).paths;
        const infos = asked.map((path) => ({
          type: "file",
          path,
          size: FILES[path]?.length,
          oid: `oid-${path}`,
          lastCommit: { id: COMMIT, title: "", date: "2026-01-01T00:00:00.000Z" },
        }));
        response.setHeader("content-type", "application/json").end(JSON.stringify(infos));
      });
    } else if (url.pathname.startsWith("/api/models/org/tiny")) {
      response.statusCode = infoStatus;
      response.setHeader("content-type", "application/json");
      response.end(
        infoStatus === 200
          ? JSON.stringify({ _id: "1", id: "org/tiny", sha: COMMIT, private: false })
          : '{"error":"no"}',
      );
    } else {
      const path = url.pathname.split("/").at(-1) ?? "";
      const text = FILES[path];
      if (text === undefined) {
        response.statusCode = 404;
        response.end();
        return;
      }
      response.setHeader("etag", `"etag-${path}"`);
      const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
      if (range) {
        const [start, end] = [Number(range[1]), Math.min(Number(range[2]), text.length - 1)];
        response.statusCode = 206;
        response.setHeader("content-range", `bytes ${start}-${end}/${text.length}`);
        response.end(text.slice(start, end + 1));
      } else {
        response.setHeader("content-length", String(text.length));
        response.end(text);
      }
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  hubUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

describe("resolveBaseModel", () => {
  test("takes a local folder as it is and asks nobody", async () => {
    const model = join(folder, "model");
    mkdirSync(model);
    writeFileSync(join(model, "config.json"), "{}");
    expect(await resolveBaseModel({ baseModel: model, hubUrl })).toEqual({ folder: model, revision: null });
    expect(requested).toEqual([]);
  });

  test("refuses a folder without config.json and a name that is no Hub id", async () => {
    await expect(resolveBaseModel({ baseModel: folder })).rejects.toMatchObject({
      code: "hub/not-a-model-folder",
    });
    for (const baseModel of ["../../no-such-place", "no-slash", "a/b/c", "org/..name", "org/--x"]) {
      await expect(resolveBaseModel({ baseModel, hubUrl })).rejects.toMatchObject({
        code: "hub/invalid-model-id",
      });
    }
    expect(requested).toEqual([]);
  });

  test("says what a missing, a gated and an unreachable model need", async () => {
    infoStatus = 404;
    await expect(resolveBaseModel({ baseModel: "org/tiny", hubUrl })).rejects.toMatchObject({
      code: "hub/not-found",
    });
    infoStatus = 403;
    await expect(resolveBaseModel({ baseModel: "org/tiny", hubUrl })).rejects.toMatchObject({
      code: "hub/no-access",
    });
    await expect(
      resolveBaseModel({ baseModel: "org/tiny", hubUrl: "http://127.0.0.1:1" }),
    ).rejects.toMatchObject({
      code: "hub/unreachable",
      isRetryable: true,
    });
  });

  test("downloads config, tokenizer and safetensors at one commit, never pickled weights", async () => {
    const files: string[] = [];
    const found = await resolveBaseModel({
      baseModel: "org/tiny",
      hubUrl,
      cacheFolder: join(folder, "cache"),
      onFile: (file) => files.push(file.path),
    });
    expect(found.revision).toBe(COMMIT);
    expect(files.sort()).toEqual(["config.json", "model.safetensors", "tokenizer.json"]);
    expect(readFileSync(join(found.folder, "model.safetensors"), "utf8")).toBe("weights");
    expect(requested.some((line) => line.includes("pytorch_model.bin"))).toBe(false);
  });

  test("stops at an abort before it asks for anything", async () => {
    const reason = new Error("enough");
    await expect(
      resolveBaseModel({ baseModel: "org/tiny", hubUrl, signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason);
    expect(requested).toEqual([]);
  });
});
