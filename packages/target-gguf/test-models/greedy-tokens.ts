import type { Token } from "node-llama-cpp";
import { loadGguf } from "../src/serving/load-gguf.ts";

/** The tokens llama.cpp picks greedily after a prompt of token ids, end-of-generation tokens included. */
export async function greedyTokens(
  modelPath: string,
  prompt: readonly number[],
  count: number,
  adapterPath?: string,
): Promise<readonly number[]> {
  const loaded = await loadGguf({ modelPath, adapterPath, contextCount: 1, gpu: false });
  try {
    const sequence = loaded.contexts[0]?.getSequence();
    const tokens: number[] = [];
    if (!sequence) return tokens;
    for await (const token of sequence.evaluate(prompt as Token[], { temperature: 0, yieldEogToken: true })) {
      tokens.push(token);
      if (tokens.length === count) break;
    }
    return tokens;
  } finally {
    await loaded.dispose();
  }
}
