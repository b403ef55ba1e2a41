import { createHash } from "node:crypto";

/** Keys in order at every level, as the table's hash wants them (RFC 8785 for plain text and whole numbers). */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}

/** A routing table with 80 % and 20 %, as another program would write it from the published description. */
export function routingText(generation: number): string {
  const arm = (name: string, version: string, share: number) => ({
    name,
    version,
    modelId: `org/${version}`,
    targetId: "local",
    deploymentId: version,
    configValue: version,
    baseUrl: null,
    share,
  });
  const routing = {
    generation,
    fence: 1,
    rolloutId: "rollout-42",
    caps: { latencyMs: null, costUsd: null },
    arms: [arm("baseline", "v1", 80), arm("canary", "v2", 20)],
  };
  const content = { v: 1, generation, agents: { feature_dev: routing } };
  const sha256 = createHash("sha256")
    .update(JSON.stringify(sorted(content)))
    .digest("hex");
  return JSON.stringify({ ...content, sha256 });
}
