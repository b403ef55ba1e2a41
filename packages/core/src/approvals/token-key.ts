import { randomBytes } from "node:crypto";
import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ModelOpsError } from "../errors/modelops-error.ts";

const FILE = "approval-key";
const KEY_PATTERN = /^[0-9a-f]{64}$/;

/** The installation's key for approval tokens: made once, readable by its owner only, the same after a restart. */
export async function loadTokenKey(home: string): Promise<string> {
  const path = join(home, FILE);
  const known = await readKey(path);
  if (known !== null) return known;
  await mkdir(home, { recursive: true });
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  await writeFile(temporary, randomBytes(32).toString("hex"), { mode: 0o600, flag: "wx", flush: true });
  try {
    // Unlike a rename, a link never replaces the key of a process that was faster.
    await link(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  return (await readKey(path)) ?? (await loadTokenKey(home));
}

async function readKey(path: string): Promise<string | null> {
  let text: string;
  try {
    text = (await readFile(path, "utf8")).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  if (KEY_PATTERN.test(text)) return text;
  throw new ModelOpsError({
    code: "approval/token-key",
    message: `The key for approval tokens in ${path} cannot be read.`,
    reason: "It must hold 64 hexadecimal digits.",
    fix: "restore the file, or remove it: tokens that were given out are then void.",
  });
}
