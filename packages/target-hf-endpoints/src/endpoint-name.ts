import { createHash } from "node:crypto";
import type { ModelReference } from "@modelops/core";

const MAX_LENGTH = 32;
const HASH_LENGTH = 8;

/**
 * The name of a model's endpoint: the same model always gets the same one, so that a repeated deployment finds what
 * the first one made. Lower case, digits and dashes, at most 32 characters, with a hash of what is served.
 */
export function endpointName(model: ModelReference, revision: string | null): string {
  const hash = createHash("sha256")
    .update(JSON.stringify([model.agent, model.version, model.modelId, revision]))
    .digest("hex")
    .slice(0, HASH_LENGTH);
  const readable = `${model.agent}-${model.version}`
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, MAX_LENGTH - HASH_LENGTH - 1)
    .replace(/-+$/, "");
  return `${readable}-${hash}`;
}
