import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { CORE_VERSION } from "./version.ts";

it("is the version of package.json", () => {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  expect(CORE_VERSION).toBe((JSON.parse(text) as { version: string }).version);
});
