import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";

/** Files that decide what the GGUF file becomes; read-me files and training arguments do not. */
const MODEL_FILES =
  /^(config\.json|tokenizer\.json|tokenizer_config\.json|chat_template\.(jinja|json)|model.*\.safetensors(\.index\.json)?)$/;
const ADAPTER_FILES = /^(adapter_config\.json|adapter_model.*\.safetensors(\.index\.json)?)$/;
const NAME_HEX_DIGITS = 16;

/** SHA-256 of a file, read as a stream. */
export async function hashFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path, { signal, highWaterMark: 1 << 20 }))
    hash.update(piece as Buffer);
  return hash.digest("hex");
}

/** A short name for parts that decide a file's content. */
export function hashOfParts(parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, NAME_HEX_DIGITS);
}

async function hashFolder(
  folder: string,
  pattern: RegExp,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const names = (await readdir(folder)).filter((name) => pattern.test(name)).sort();
  const parts: string[] = [];
  for (const name of names) parts.push(name, await hashFile(join(folder, name), signal));
  return parts;
}

/** Names and hashes of the files of a model folder that are converted. */
export function hashModelFolder(folder: string, signal?: AbortSignal): Promise<readonly string[]> {
  return hashFolder(folder, MODEL_FILES, signal);
}

/** Names and hashes of the files of an adapter folder that are converted. */
export function hashAdapterFolder(folder: string, signal?: AbortSignal): Promise<readonly string[]> {
  return hashFolder(folder, ADAPTER_FILES, signal);
}
