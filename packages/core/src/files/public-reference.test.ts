import { expect, test } from "vitest";
import { publicReference } from "./public-reference.ts";

test.each([
  ["file:/home/ada/projects/held-out.jsonl", "file:held-out.jsonl"],
  ["file:held-out.jsonl", "file:held-out.jsonl"],
  ["/home/ada/models/base/", "base"],
  ["./base", "base"],
  ["C:\\Users\\ada\\base", "base"],
  ["org/model", "org/model"],
  ["ls://support@2026-01-01", "ls://support@2026-01-01"],
  ["hf://org/name/test", "hf://org/name/test"],
])("%s is shown as %s", (reference, shown) => {
  expect(publicReference(reference)).toBe(shown);
});
