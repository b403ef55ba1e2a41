import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { systemClock } from "./clock.ts";
import { formatDuration } from "./duration.ts";

describe("systemClock", () => {
  test("rejects a sleep with the signal's reason, before and during the wait", async () => {
    const reason = new Error("enough");
    await expect(systemClock.sleep(10_000, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const waiting = systemClock.sleep(10_000, { signal: controller.signal, keepAlive: true });
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });

  test("a background sleep does not keep a finished script alive", () => {
    const module = fileURLToPath(new URL("./clock.ts", import.meta.url));
    const script = `import { systemClock } from ${JSON.stringify(module)}; systemClock.sleep(60_000); console.log("done");`;
    const output = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
      encoding: "utf8",
      timeout: 20_000,
    });
    expect(output.trim()).toBe("done");
  });
});

describe("formatDuration", () => {
  test.each([
    [0.4, "0 ms"],
    [850, "850 ms"],
    [12_340, "12.3 s"],
    [245_000, "4 min 5 s"],
    [7_384_000, "2 h 3 min"],
  ])("%d ms is %s", (durationMs, text) => {
    expect(formatDuration(durationMs)).toBe(text);
  });
});
