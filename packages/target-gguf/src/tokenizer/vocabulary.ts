import { isJsonObject, type JsonObject } from "../conversion/json-file.ts";
import { unsupportedTokenizer } from "./unsupported-tokenizer.ts";

/** Token types of GGUF (`enum llama_token_type`). */
const TOKEN_TYPES = { normal: 1, control: 3, userDefined: 4, unused: 5 } as const;

/** Tokens by id. */
export interface Vocabulary {
  readonly tokens: readonly string[];
  readonly types: readonly number[];
  readonly idOf: (token: string) => number | undefined;
}

interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly isControl: boolean;
}

/** Some models forget to mark their control tokens as special; llama.cpp's converter knows them by their looks, too. */
function looksSpecial(token: string): boolean {
  return (token.startsWith("<|") && token.endsWith("|>")) || token === "<pad>" || token === "<mask>";
}

function isTokenId(id: unknown): id is number {
  return typeof id === "number" && Number.isSafeInteger(id) && id >= 0;
}

function parseAddedTokens(value: unknown): readonly AddedToken[] {
  if (!Array.isArray(value)) return [];
  return value.map((token: unknown) => {
    if (!isJsonObject(token) || !isTokenId(token.id) || typeof token.content !== "string") {
      throw unsupportedTokenizer("tokenizer.json has an added token without id or content.");
    }
    return {
      id: token.id,
      content: token.content,
      isControl: token.special === true || looksSpecial(token.content),
    };
  });
}

/** Lists tokens by id up to the number of embedding rows; rows without a token become unused tokens. */
export function parseVocabulary(tokenizer: JsonObject, rowCount: number): Vocabulary {
  const model = isJsonObject(tokenizer.model) ? tokenizer.model : {};
  const entries = isJsonObject(model.vocab) ? Object.entries(model.vocab) : [];
  const tokens: string[] = Array.from({ length: rowCount }, (_, id) => `[PAD${id}]`);
  const types: number[] = new Array(rowCount).fill(TOKEN_TYPES.unused);
  const ids = new Map<string, number>();
  const place = (token: string, id: unknown, type: number) => {
    if (!isTokenId(id) || id >= rowCount) {
      throw unsupportedTokenizer(
        `Token ${JSON.stringify(token)} has id ${String(id)}; the model has ${rowCount} embedding rows.`,
      );
    }
    tokens[id] = token;
    types[id] = type;
    ids.set(token, id);
  };
  for (const [token, id] of entries) place(token, id, TOKEN_TYPES.normal);
  for (const added of parseAddedTokens(tokenizer.added_tokens)) {
    place(added.content, added.id, added.isControl ? TOKEN_TYPES.control : TOKEN_TYPES.userDefined);
  }
  if (ids.size === 0) throw unsupportedTokenizer("tokenizer.json has no vocabulary.");
  return { tokens, types, idOf: (token) => ids.get(token) };
}

/** Merges as "left right". Newer files store pairs, in which a space inside a part must be written as "Ġ". */
export function parseMerges(tokenizer: JsonObject): readonly string[] {
  const model = isJsonObject(tokenizer.model) ? tokenizer.model : {};
  const merges: readonly unknown[] = Array.isArray(model.merges) ? model.merges : [];
  return merges.map((merge) => {
    if (typeof merge === "string") return merge;
    if (Array.isArray(merge) && merge.length === 2 && merge.every((part) => typeof part === "string")) {
      return merge.map((part: string) => part.replaceAll(" ", "Ġ")).join(" ");
    }
    throw unsupportedTokenizer("tokenizer.json has a merge that is neither a text nor a pair.");
  });
}
