import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import canonicalize from "canonicalize";
import type { ChatResult } from "../contract/chat-model.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { AnswerCache, AnswerKey } from "./answer-cache.ts";

export interface SqliteAnswerCacheOptions {
  /** File such as `.modelops/cache.sqlite`; `:memory:` keeps nothing. */
  readonly path: string;
  /** After this an answer is asked for again. @default 14 days */
  readonly maxAgeMs?: number;
}

const FOURTEEN_DAYS_MS = 14 * 24 * 3_600_000;

interface KeyValueStore {
  get(key: string): Promise<unknown>;
  set(key: string, value: unknown, maxAgeMs: number): Promise<unknown>;
  disconnect(): Promise<unknown>;
}

/**
 * Answers kept in a SQLite file through Keyv. The key is the SHA-256 of model id, request and trial. Losing the file
 * costs money and nothing else. Needs the optional package `@keyv/sqlite`, loaded at the first answer.
 */
export function sqliteAnswerCache(options: SqliteAnswerCacheOptions): AnswerCache {
  const maxAgeMs = options.maxAgeMs ?? FOURTEEN_DAYS_MS;
  const inFlight = new Map<string, Promise<ChatResult>>();
  let opening: Promise<KeyValueStore> | null = null;
  const open = () => {
    opening ??= openStore(options.path);
    return opening;
  };

  return {
    async answer(key, generate) {
      const id = keyOf(key);
      const running = inFlight.get(id);
      if (running) return { result: await running, fromCache: true };
      let found = false;
      const work = (async () => {
        const store = await open();
        const known = await store.get(id);
        if (isChatResult(known)) {
          found = true;
          return known;
        }
        const result = await generate();
        await store.set(id, result, maxAgeMs);
        return result;
      })();
      inFlight.set(id, work);
      try {
        return { result: await work, fromCache: found };
      } finally {
        inFlight.delete(id);
      }
    },
    async close() {
      const store = await opening?.catch(() => null);
      opening = null;
      await store?.disconnect();
    },
  };
}

function keyOf(key: AnswerKey): string {
  const identity = canonicalize({ v: 1, model: key.modelId, request: key.request, trial: key.trial });
  return createHash("sha256")
    .update(identity ?? "")
    .digest("hex");
}

async function openStore(path: string): Promise<KeyValueStore> {
  let modules: [typeof import("keyv"), typeof import("@keyv/sqlite")];
  try {
    modules = await Promise.all([import("keyv"), import("@keyv/sqlite")]);
  } catch (cause) {
    throw new ModelOpsError({
      code: "evaluation/cache-unavailable",
      message: "The answer cache cannot be opened.",
      reason: "The optional package @keyv/sqlite is not installed.",
      fix: "install @keyv/sqlite@6.0.0-beta.4, or leave the cache option out.",
      cause,
    });
  }
  const [{ Keyv }, { KeyvSqlite }] = modules;
  if (path !== ":memory:") await mkdir(dirname(path), { recursive: true });
  // The other drivers need a compiled package.
  const store = new KeyvSqlite({
    uri: `sqlite://${path}`,
    driver: "node:sqlite",
    wal: path !== ":memory:",
    busyTimeout: 5000,
  });
  const keyv = new Keyv({ store, namespace: "answers", throwOnErrors: true });
  return keyv as unknown as KeyValueStore;
}

function isChatResult(value: unknown): value is ChatResult {
  return typeof value === "object" && value !== null && typeof (value as ChatResult).text === "string";
}
