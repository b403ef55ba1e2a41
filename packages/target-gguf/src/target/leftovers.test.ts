import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../test-models/temporary-folder.ts";
import { removeLeftovers } from "./leftovers.ts";

/** Above the largest process id of any supported system. */
const DEAD = 2 ** 30;

it("removes unfinished files of dead processes and nothing else", async () => {
  const folder = await temporaryFolder();
  const dead = [
    `a.gguf.${DEAD}-0f.tmp`,
    `a.gguf.${DEAD}.tmp`,
    `a.gguf.${DEAD}.f16.tmp`,
    `a.gguf.${DEAD}.f16.tmp.${DEAD}-0f.tmp`,
  ];
  const kept = [
    "a.gguf",
    "a.gguf.json",
    `a.gguf.${process.pid}-0f.tmp`,
    `a.gguf.${process.ppid}.tmp`,
    `b.gguf.${DEAD}.tmp`,
    "notes.tmp",
  ];
  for (const name of [...dead, ...kept]) await writeFile(join(folder, name), "");
  await removeLeftovers(folder, "a.gguf");
  expect((await readdir(folder)).sort()).toEqual(kept.sort());
});
