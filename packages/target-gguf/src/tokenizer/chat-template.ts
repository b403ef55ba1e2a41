import { join } from "node:path";
import {
  isJsonObject,
  type JsonObject,
  readOptionalJsonFile,
  readOptionalTextFile,
} from "../conversion/json-file.ts";

/** Of several named templates the one called "default" is meant for plain chat. */
function pickTemplate(value: unknown): string | null {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return null;
  const named = value.filter(isJsonObject);
  const chosen = named.find((template) => template.name === "default") ?? named[0];
  return typeof chosen?.template === "string" ? chosen.template : null;
}

/** The chat template of a folder: `chat_template.jinja`, else `tokenizer_config.json`, else `chat_template.json`. */
export async function readChatTemplate(folder: string, tokenizerConfig: JsonObject): Promise<string | null> {
  const file = await readOptionalTextFile(join(folder, "chat_template.jinja"));
  if (file !== null) return file;
  const inConfig = pickTemplate(tokenizerConfig.chat_template);
  if (inConfig !== null) return inConfig;
  const json = await readOptionalJsonFile(join(folder, "chat_template.json"));
  return pickTemplate(json?.chat_template);
}
