import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { createDisplay, formatTable } from "./display.ts";

function output(isTerminal: boolean, use: (display: ReturnType<typeof createDisplay>) => void): string {
  const stream = Object.assign(new PassThrough(), { isTTY: isTerminal });
  use(createDisplay({ stream: stream as unknown as NodeJS.WriteStream }));
  return String(stream.read() ?? "");
}

describe("the demo's display", () => {
  test("writes plain lines into a pipe: one per tenth, the end once, no control characters", () => {
    const text = output(false, (display) => {
      for (let step = 0; step <= 100; step += 1) display.progress(step / 100, `step ${step}`);
      display.progress(1, "step 100");
      display.line("done");
    });
    expect(text).not.toContain("\u001b");
    expect(text).not.toContain("\r");
    expect(text.trim().split("\n")).toHaveLength(12);
  });

  test("redraws one bar on a terminal and ends it before the next line", () => {
    const text = output(true, (display) => {
      display.progress(0.5, "half");
      display.progress(1, "all");
      display.line("done");
    });
    expect(text).toContain("\r\u001b[2K");
    expect(text.endsWith("100 %  all\ndone\n")).toBe(true);
  });

  test("aligns a table's columns", () => {
    expect(
      formatTable([
        ["a", "bb"],
        ["ccc", "d"],
      ]),
    ).toBe("  a    bb\n  ccc  d");
  });
});
