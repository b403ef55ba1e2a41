import { describe, expect, test } from "vitest";
import { readArguments } from "./arguments.ts";

describe("the demo's command line", () => {
  test("has working defaults", () => {
    expect(readArguments([])).toMatchObject({
      base: null,
      dataset: null,
      method: null,
      seed: 42,
      isJson: false,
    });
  });

  test.each([
    [["--method", "dora"], "--method"],
    [["--steps", "0"], "--steps"],
    [["--seed", "1.5"], "--seed"],
    [["--prompt", "{{text}}"], "--completion"],
    [["--evaluation", "rows.jsonl"], "--dataset"],
    [["--bse", "x"], "--bse"],
    [["stray"], "stray"],
  ])("refuses %j and names what is wrong", (args, named) => {
    expect(() => readArguments(args)).toThrow(named);
    expect(() => readArguments(args)).toThrow(expect.objectContaining({ code: "input/arguments" }));
  });
});
