import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { RegistryStore } from "../contract/registry-store.ts";
import { memoryStore } from "../registry/memory-store.ts";
import { completeRuntime } from "../runtime.ts";
import { type Clock, systemClock } from "../time/clock.ts";
import { type ApprovalRequest, Approvals, type ApprovalsOptions } from "./approvals.ts";

const question: ApprovalRequest = {
  agent: "support",
  action: "training.start",
  subject: "run-7",
  hash: "h1",
  summary: "Train support for about $12.",
  usd: 12,
};
const ada = { by: "ada" };

let home: string;
let store: RegistryStore;
let nowMs = Date.UTC(2026, 0, 1);
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "modelops-approvals-"));
  store = memoryStore();
  nowMs = Date.UTC(2026, 0, 1);
});
afterEach(async () => {
  await rm(home, { recursive: true, force: true });
});

/** The inbox as another process opens it. */
function open(options: ApprovalsOptions = {}, folder = home): Approvals {
  const clock: Clock = { ...systemClock, now: () => nowMs };
  return new Approvals(completeRuntime({ store, home: folder, clock }), options);
}

const code = (promise: Promise<unknown>) =>
  promise.then(
    () => "done",
    (error: { code: string }) => error.code,
  );

describe("the inbox", () => {
  it("asks the same question once, in any process, and another price anew", async () => {
    const first = await open().request(question);
    expect(await open().request(question)).toEqual(first);
    const other = await open().request({ ...question, hash: "h2" });
    expect((await open().pending()).map((one) => one.id).sort()).toEqual([first.id, other.id].sort());
  });

  it("is used once, by the run that claims it, for the price that was approved", async () => {
    const { id } = await open().request(question);
    expect(await code(open().claim(id, { hash: "h1", usedBy: "run-7" }))).toBe("approval/pending");
    await open().approve(id, ada);
    expect(await code(open().claim(id, { hash: "h2", usedBy: "run-7" }))).toBe("approval/mismatch");
    expect(await open().claim(id, { hash: "h1", usedBy: "run-7" })).toMatchObject({ status: "used" });
    // Interrupted and tried again by the same run.
    expect(await open().claim(id, { hash: "h1", usedBy: "run-7" })).toMatchObject({ usedBy: "run-7" });
    expect(await code(open().claim(id, { hash: "h1", usedBy: "run-8" }))).toBe("approval/used");
  });

  it("lets an answer that nobody used expire", async () => {
    const { id } = await open().request(question);
    await open().approve(id, ada);
    nowMs += 24 * 3_600_000;
    expect(await code(open().claim(id, { hash: "h1", usedBy: "run-7" }))).toBe("approval/expired");
    expect((await open().request(question)).id).not.toBe(id);
  });
});

describe("a token for a remote channel", () => {
  it("answers its question once, after a restart, and leaves its key to its owner", async () => {
    const { id } = await open().request(question);
    const token = await open().token(id);
    expect(token).toMatch(/^[\w.-]+$/);
    const answer = await open().redeem(token, { approved: true, ...ada, reason: "worth it" });
    expect(answer).toMatchObject({ status: "approved", decidedBy: "ada", reason: "worth it" });
    expect(await code(open().redeem(token, { approved: true, ...ada }))).toBe("approval/token-used");
    expect(await code(open().redeem(token, { approved: false, ...ada }))).toBe("approval/token-used");
    expect((await stat(join(home, "approval-key"))).mode & 0o777).toBe(0o600);
    const written = JSON.stringify(await store.events({ since: 0, limit: 100 }));
    expect(written).not.toContain(token.split(".")[2]);
  });

  it("lets one of many answers at once count", async () => {
    const { id } = await open().request(question);
    const token = await open().token(id);
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        code(open().redeem(token, { approved: index % 2 === 0, by: `person-${index}` })),
      ),
    );
    expect(answers.filter((answer) => answer === "done")).toHaveLength(1);
    expect(answers.filter((answer) => answer === "approval/token-used")).toHaveLength(7);
  });

  it("takes anything but true for a no", async () => {
    const { id } = await open().request(question);
    const approved = "yes" as unknown as boolean;
    const answer = await open().redeem(await open().token(id), { approved, ...ada });
    expect(answer.status).toBe("denied");
  });

  it("expires with its own time, and never after its question", async () => {
    const { id } = await open().request(question);
    const short = await open().token(id, { expiresAfterMs: 60_000 });
    const long = await open().token(id, { expiresAfterMs: 10 * 24 * 3_600_000 });
    nowMs += 60_000;
    expect(await code(open().redeem(short, { approved: true, ...ada }))).toBe("approval/token-expired");
    nowMs += 24 * 3_600_000;
    expect(await code(open().redeem(long, { approved: true, ...ada }))).toBe("approval/token-expired");
  });

  it("is refused when it was altered, made elsewhere, or is no token at all", async () => {
    const { id } = await open().request(question);
    const token = await open().token(id);
    const [version, payload, signature] = token.split(".");
    const forged = Buffer.from(JSON.stringify({ id, hash: "h1", expiresAtMs: 9e15 })).toString("base64url");
    const elsewhere = await open({ tokenKey: "another installation's key, long enough" }).token(id);
    for (const wrong of [
      `${version}.${forged}.${signature}`,
      `${version}.${payload}.`,
      `${version}.${payload}.${signature?.slice(1)}`,
      elsewhere,
      "approved",
      "",
      "mo1.".repeat(5000),
    ]) {
      expect(await code(open().redeem(wrong, { approved: true, ...ada }))).toBe("approval/token-invalid");
    }
    expect(await open().get(id)).toMatchObject({ status: "pending" });
  });

  it("is taken by every host that shares the key", async () => {
    const tokenKey = "a key that several hosts share, long";
    const { id } = await open().request(question);
    const token = await open({ tokenKey }).token(id);
    const elsewhere = await mkdtemp(join(tmpdir(), "modelops-approvals-"));
    const answer = await open({ tokenKey }, elsewhere).redeem(token, { approved: false, ...ada });
    expect(answer.status).toBe("denied");
    await rm(elsewhere, { recursive: true, force: true });
  });

  it("is not made for a question that is closed, nor with a key that can be guessed", async () => {
    const { id } = await open().request(question);
    await open().deny(id, ada);
    expect(await code(open().token(id))).toBe("approval/denied");
    expect(() => open({ tokenKey: "short" })).toThrowError(/at least 32 characters/);
  });
});
