import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { malformedSafetensors } from "./malformed-safetensors.ts";

/** Reads which files `model.safetensors.index.json` names. A name with a path in it is refused: it could leave the folder. */
export async function readShardNames(indexPath: string): Promise<readonly string[]> {
  const file = basename(indexPath);
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readFile(indexPath, "utf8"));
  } catch (cause) {
    throw malformedSafetensors(file, "It is not JSON.", cause);
  }
  const weightMap = (parsed as { weight_map?: unknown } | null)?.weight_map;
  if (typeof weightMap !== "object" || weightMap === null)
    throw malformedSafetensors(file, "It has no weight_map.");
  const names = [...new Set(Object.values(weightMap))];
  for (const name of names) {
    if (typeof name !== "string" || name !== basename(name) || !name.endsWith(".safetensors")) {
      throw malformedSafetensors(
        file,
        `It names "${String(name)}", which is not a safetensors file of this folder.`,
      );
    }
  }
  if (names.length === 0) throw malformedSafetensors(file, "Its weight_map is empty.");
  return names as string[];
}
