import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ChatRequest, ModelReference } from "@modelops/core";
import { describeChatModel, describeDeployTarget } from "@modelops/testing";
import { describe, it } from "vitest";
import { writeTinyAdapter } from "../../test-models/tiny-adapter.ts";
import { writeTinyModel } from "../../test-models/tiny-model.ts";
import { convertToGguf } from "../conversion/convert-to-gguf.ts";
import { openGgufChatModel } from "../serving/gguf-chat-model.ts";
import { gguf } from "./gguf-target.ts";

const inFolder = async () => {
  const folder = await mkdtemp(join(tmpdir(), "modelops-gguf-kit-"));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
};

describeDeployTarget(
  {
    name: "gguf",
    async create() {
      const { folder, remove } = await inFolder();
      const served = join(folder, "served");
      const model = async (name: string, seed: number): Promise<ModelReference> => {
        await writeTinyModel(join(folder, name), { seed });
        return { modelId: join(folder, name), agent: "support", version: `v1.${seed}.0`, artifact: null };
      };
      const base = await model("base", 1);
      await writeTinyAdapter(join(folder, "adapter"), { seed: 3 });
      return {
        target: gguf({ folder: served }),
        reopen: () => gguf({ folder: served }),
        model: base,
        otherModel: await model("other", 2),
        unservable: { ...base, modelId: join(folder, "absent"), version: "v9.0.0" },
        artifact: {
          modelId: "host/tuned",
          agent: "support",
          version: "v2.0.0",
          artifact: {
            kind: "adapter",
            location: { type: "folder", path: join(folder, "adapter") },
            baseModel: join(folder, "base"),
            baseModelRevision: null,
            files: [],
          },
        },
        resources: async () =>
          (await readdir(served).catch(() => [])).filter((name) => name.endsWith(".gguf")).sort(),
        breakStarts: null,
        slowStarts: null,
        secrets: [],
        remove,
      };
    },
  },
  { describe, it },
);

const ask = (content: string, maxOutputTokens = 16): ChatRequest => ({
  messages: [{ role: "user", content }],
  maxOutputTokens,
});

describeChatModel(
  {
    name: "openGgufChatModel",
    async create() {
      const { folder, remove } = await inFolder();
      const modelPath = join(folder, "model.gguf");
      // Deep enough that the answer to the slow question, some 470 tokens, takes a while.
      await writeTinyModel(join(folder, "model"), {
        config: { num_hidden_layers: 8, max_position_embeddings: 4096 },
      });
      await convertToGguf({ modelFolder: join(folder, "model"), outputPath: modelPath, type: "F16" });
      const open = () => openGgufChatModel({ modelPath });
      const model = await open();
      return {
        model,
        again: open,
        questions: [ask("Hello"), ask("A question about something else"), ask("Numbers: 1, 2, 3")],
        slowQuestion: ask("Why?", 3000),
        longQuestion: ask("Hello"),
        toolQuestion: null,
        failing: async () => {
          const closed = await open();
          await closed.close();
          return closed;
        },
        secrets: [],
        async remove() {
          await model.close();
          await remove();
        },
      };
    },
  },
  { describe, it },
);
