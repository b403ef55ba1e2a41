import type { ModelReference } from "@modelops/core";
import { describeDeployTarget, startModelsTwin } from "@modelops/testing";
import { describe, it } from "vitest";
import { vllmLoras } from "./vllm-loras.ts";

const API_KEY = "vllm-key-0123456789";

function adapter(version: string, baseModel = "org/base"): ModelReference {
  return {
    modelId: `me/support-${version}`,
    agent: "support",
    version,
    artifact: {
      kind: "adapter",
      location: { type: "hub", repoId: `me/support-${version}`, revision: null },
      baseModel,
      baseModelRevision: null,
      files: [],
    },
  };
}

describeDeployTarget(
  {
    name: "vllmLoras",
    async create() {
      // A server that runs org/base and says which adapter answered.
      const server = await startModelsTwin({
        apiKeys: [API_KEY],
        models: [{ id: "org/base" }],
        loadedModel: ({ name, path }) => ({ id: name, otherwise: `answered by ${path}` }),
      });
      const open = () => vllmLoras({ baseUrl: server.baseUrl, apiKey: API_KEY });
      return {
        target: open(),
        reopen: open,
        model: adapter("v1.0.0"),
        otherModel: adapter("v1.1.0"),
        artifact: adapter("v2.0.0"),
        unservable: adapter("v9.0.0", "org/another-base"),
        async resources() {
          const headers = { authorization: `Bearer ${API_KEY}` };
          const reply = await fetch(`${server.baseUrl}/models`, { headers });
          const { data } = (await reply.json()) as { data: { id: string }[] };
          return data.map(({ id }) => id);
        },
        // Nothing here costs money by itself, so a failed start has nothing to leave.
        breakStarts: null,
        slowStarts: null,
        secrets: [API_KEY],
        remove: () => server.close(),
      };
    },
  },
  { describe, it },
);
