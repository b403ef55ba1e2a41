import type { CatalogueModel } from "./openrouter-api.ts";

/** Suffixes that choose among a model's providers or add abilities; they are not in the model list. */
const VARIANTS = [":nitro", ":floor", ":online"];

export interface FoundModel {
  readonly entry: CatalogueModel;
  /** The name to call: an alias is replaced by what it stands for now, a variant keeps its suffix. */
  readonly callName: string;
}

/** A model by id, pinned name or id with a variant; null when the catalogue has none. */
export function findModel(models: readonly CatalogueModel[], modelId: string): FoundModel | null {
  const variant = VARIANTS.find((suffix) => modelId.endsWith(suffix)) ?? "";
  const exact = byName(models, modelId);
  const entry = exact ?? byName(models, modelId.slice(0, modelId.length - variant.length));
  if (!entry) return null;
  const target = entry.alias_target?.slug;
  if (!target) return { entry, callName: modelId };
  return { entry, callName: exact ? target : `${target}${variant}` };
}

function byName(models: readonly CatalogueModel[], name: string): CatalogueModel | null {
  return models.find((entry) => entry.id === name || entry.canonical_slug === name) ?? null;
}
