import type { LlamaContextSequence, LlamaModel, SequenceEvaluateOptions, Token } from "node-llama-cpp";

/** Tokens given to the model at once; llama.cpp cuts longer prompts at the same places, so results are the same. */
const PROMPT_CHUNK_TOKENS = 512;

export interface GenerateTokensOptions {
  readonly model: LlamaModel;
  readonly sequence: LlamaContextSequence;
  readonly promptTokens: readonly Token[];
  readonly maxOutputTokens: number;
  readonly stop: readonly string[];
  readonly sampling: SequenceEvaluateOptions;
  /** Called between tokens; throws to end the generation. */
  readonly throwIfEnded: () => void;
}

export interface GeneratedTokens {
  readonly text: string;
  readonly tokenCount: number;
  readonly finishReason: "stop" | "length";
}

/** Feeds all but the last part of a long prompt, so that an abort does not wait for all of it. */
async function feedPrompt({ sequence, promptTokens, throwIfEnded }: GenerateTokensOptions): Promise<Token[]> {
  let fed = 0;
  while (promptTokens.length - fed > PROMPT_CHUNK_TOKENS) {
    throwIfEnded();
    await sequence.evaluateWithoutGeneratingNewTokens(promptTokens.slice(fed, fed + PROMPT_CHUNK_TOKENS));
    fed += PROMPT_CHUNK_TOKENS;
  }
  throwIfEnded();
  return promptTokens.slice(fed);
}

/** Looks for a stop text in the newest tokens only: each token has at least one byte. */
function createStopFinder(model: LlamaModel, stop: readonly string[]) {
  const longestBytes = Math.max(0, ...stop.map((text) => Buffer.byteLength(text)));
  return (tokens: readonly Token[]): number | null => {
    if (longestBytes === 0) return null;
    const recent = model.detokenize(tokens.slice(-longestBytes - 4));
    if (!stop.some((text) => recent.includes(text))) return null;
    const whole = model.detokenize(tokens);
    const places = stop.map((text) => whole.indexOf(text)).filter((place) => place >= 0);
    return places.length > 0 ? Math.min(...places) : null;
  };
}

/** Generates until an end-of-generation token, a stop text or the limit, from an empty sequence. */
export async function generateTokens(options: GenerateTokensOptions): Promise<GeneratedTokens> {
  const { model, sequence, maxOutputTokens, sampling, throwIfEnded } = options;
  const findStop = createStopFinder(
    model,
    options.stop.filter((text) => text.length > 0),
  );
  const tokens: Token[] = [];
  // Calls must not depend on what was asked before, so nothing of an earlier call is kept.
  await sequence.clearHistory();
  const lastPart = await feedPrompt(options);
  for await (const token of sequence.evaluate(lastPart, sampling)) {
    throwIfEnded();
    tokens.push(token);
    const stopPlace = findStop(tokens);
    if (stopPlace !== null) {
      return {
        text: model.detokenize(tokens).slice(0, stopPlace),
        tokenCount: tokens.length,
        finishReason: "stop",
      };
    }
    if (tokens.length >= maxOutputTokens) {
      return { text: model.detokenize(tokens), tokenCount: tokens.length, finishReason: "length" };
    }
  }
  return { text: model.detokenize(tokens), tokenCount: tokens.length, finishReason: "stop" };
}
