import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { greedyTokens } from "../../test-models/greedy-tokens.ts";
import { choiceGaps, openReferenceModel, rotaryFrequencies } from "../../test-models/reference-model.ts";
import { temporaryFolder } from "../../test-models/temporary-folder.ts";
import { convertToGguf } from "./convert-to-gguf.ts";

const modelFolder = fileURLToPath(
  new URL("../../../../examples/quickstart/base-model/tiny-llama", import.meta.url),
);
const QUESTIONS = ["Hello!", "As JSON, item: lamp; kind: light", "Name the item: I lost my mug."];
const [START, END] = [257, 258];

/** The prompt of the base's chat template, in tokens: every byte is a token. */
function promptTokens(question: string): readonly number[] {
  return [START, ...Buffer.from(`user\n${question}`), END, 10, START, ...Buffer.from("assistant\n")];
}

// Trained weights, stored in BF16 by save_pretrained(), instead of random ones.
it.skipIf(!existsSync(modelFolder))(
  "the quickstart's trained base answers as the forward pass of transformers",
  async () => {
    const outputPath = join(await temporaryFolder(), "base.gguf");
    await convertToGguf({ modelFolder, outputPath, type: "F16" });
    const config = JSON.parse(await readFile(join(modelFolder, "config.json"), "utf8"));
    const frequencies = rotaryFrequencies(config.head_dim, config.rope_parameters.rope_theta);
    const reference = await openReferenceModel(modelFolder, config, frequencies);
    for (const question of QUESTIONS) {
      const prompt = promptTokens(question);
      const picked = await greedyTokens(outputPath, prompt, 16);
      const gaps = choiceGaps(reference, prompt, picked);
      expect(Math.max(...gaps)).toBeLessThan(0.05);
    }
    await reference.close();
  },
);
