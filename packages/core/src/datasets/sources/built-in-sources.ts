import type { DatasetSource } from "../../contract/dataset-source.ts";
import { langSmithSource } from "../../langsmith/langsmith-source.ts";
import type { Clock } from "../../time/clock.ts";
import { fileSource } from "./file-source.ts";
import { hubSource } from "./hub-source.ts";

/** `file:`, `hf:` and `ls:` with their settings from the environment, which is looked at when they are first read. */
export function builtInSources(
  options: { readonly fetch?: typeof globalThis.fetch; readonly clock?: Clock } = {},
): readonly DatasetSource[] {
  const { fetch, clock } = options;
  return [
    fileSource(),
    hubSource({ ...(fetch && { fetch }) }),
    langSmithSource({ ...(fetch && { fetch }), ...(clock && { clock }) }),
  ];
}
