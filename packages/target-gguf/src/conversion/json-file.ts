import { readFile } from "node:fs/promises";
import { ModelOpsError } from "@modelops/core";

/** A parsed JSON object whose fields nobody has checked yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return null;
    throw error;
  }
}

/** Reads a JSON object; null when there is no such file. */
export async function readOptionalJsonFile(path: string): Promise<JsonObject | null> {
  const text = await readText(path);
  if (text === null) return null;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new ModelOpsError({
      code: "gguf/malformed-json",
      message: `${path} is not JSON.`,
      fix: "download or save the file again.",
      cause,
    });
  }
  if (isJsonObject(parsed)) return parsed;
  throw new ModelOpsError({
    code: "gguf/malformed-json",
    message: `${path} does not hold a JSON object.`,
    fix: "download or save the file again.",
  });
}

/** Reads a JSON object that must be there. */
export async function readJsonFile(path: string): Promise<JsonObject> {
  const parsed = await readOptionalJsonFile(path);
  if (parsed !== null) return parsed;
  throw new ModelOpsError({
    code: "gguf/file-not-found",
    message: `${path} does not exist.`,
    fix: "give the folder that save_pretrained() wrote, with its config and tokenizer files.",
  });
}

/** Reads a text file; null when there is no such file. */
export const readOptionalTextFile = readText;
