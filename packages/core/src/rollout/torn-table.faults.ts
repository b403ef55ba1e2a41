import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { underReaders } from "../../test-support/torn-readers.ts";
import { writeFileAtomically } from "../files/atomic-write.ts";

it("1,000 rewrites of a table under four busy readers: no reader sees a torn one", async () => {
  const folder = await mkdtemp(join(tmpdir(), "modelops-torn-"));
  const file = join(folder, "routing.json");
  const text = (generation: number) => JSON.stringify({ v: 1, generation, padding: "x".repeat(20_000) });
  await writeFileAtomically(file, text(0));
  const { reads, torn } = await underReaders(file, async () => {
    for (let generation = 1; generation <= 1000; generation += 1)
      await writeFileAtomically(file, text(generation));
  });
  await rm(folder, { recursive: true });
  expect(torn).toBe(0);
  console.log(`1,000 rewrites, ${reads} reads, none torn`);
});
