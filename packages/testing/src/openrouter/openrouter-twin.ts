import { Hono } from "hono";
import { ChatEngine, type ModelTotals } from "../models/chat-engine.ts";
import { startTwin, type Twin, type TwinOptions } from "../twin/twin.ts";
import { endpointsBody, modelRow } from "./catalogue-wire.ts";
import { generationBody } from "./generation-record.ts";
import { OpenRouterAccount, type OpenRouterKey } from "./openrouter-account.ts";
import { answerOpenRouterChat } from "./openrouter-chat.ts";
import { openRouterError } from "./openrouter-error.ts";
import { checkOpenRouterModel, type OpenRouterModel, scriptOf } from "./openrouter-model.ts";

export interface OpenRouterTwinOptions extends TwinOptions {
  readonly models?: readonly OpenRouterModel[];
  /** Keys it knows. @default every key is accepted and has no limit */
  readonly keys?: readonly OpenRouterKey[];
  /** @default 100 */
  readonly creditsUsd?: number;
  /** How long after the answer a generation can be looked up. @default 0 */
  readonly generationDelayMs?: number;
}

/** OpenRouter's API, as far as choosing, calling and paying for models goes. */
export interface OpenRouterTwin extends Twin {
  /** `<url>/api/v1` */
  readonly baseUrl: string;
  setModel(model: OpenRouterModel): void;
  removeModel(id: string): void;
  setCredits(creditsUsd: number): void;
  totals(id: string): ModelTotals | null;
}

/** Starts the OpenRouter twin. */
export async function startOpenRouterTwin(options: OpenRouterTwinOptions = {}): Promise<OpenRouterTwin> {
  const { models = [], keys, creditsUsd = 100, generationDelayMs = 0, ...twinOptions } = options;
  const engine = new ChatEngine();
  const catalogue = new Map<string, OpenRouterModel>();
  const account = new OpenRouterAccount(keys, creditsUsd);
  const generations = new Map<string, { readonly visibleAtMs: number; readonly body: object }>();
  const setModel = (model: OpenRouterModel) => {
    engine.set(scriptOf(checkOpenRouterModel(model)));
    catalogue.set(model.id, model);
  };
  for (const model of models) setModel(model);
  const find = (id: string) =>
    catalogue.get(id) ?? [...catalogue.values()].find((model) => model.canonicalSlug === id) ?? null;
  let answers = 0;
  const nextId = () =>
    `gen-${Math.floor(twin.clock.now() / 1000)}-twin${String(++answers).padStart(12, "0")}`;

  const app = new Hono();
  const api = app.basePath("/api/v1");
  api.get("/models", (context) => {
    const rows = [...catalogue.values()].map(modelRow);
    const offset = Number(context.req.query("offset") ?? 0);
    const limit = Number(context.req.query("limit") ?? rows.length);
    if (!(offset >= 0) || !(limit >= 0 && (limit <= 1000 || context.req.query("limit") === undefined))) {
      return openRouterError({
        status: 400,
        message: "limit must be from 0 to 1000",
        errorType: "invalid_request",
      });
    }
    const data = rows.slice(offset, offset + limit);
    const end = offset + data.length;
    const next = data.length > 0 && end < rows.length ? `/api/v1/models?offset=${end}&limit=${limit}` : null;
    return context.json({ data, total_count: rows.length, links: { next } });
  });
  api.get("/models/count", (context) => context.json({ data: { count: catalogue.size } }));
  api.get("/models/:author/:slug/endpoints", (context) => {
    const model = find(`${context.req.param("author")}/${context.req.param("slug")}`);
    if (!model) return openRouterError({ status: 404, message: "Model not found" });
    return context.json(endpointsBody(model));
  });
  api.get("/key", (context) => {
    const known = account.authenticate(context.req.header("authorization"));
    return "failure" in known ? openRouterError(known.failure) : context.json(account.keyBody(known.key));
  });
  api.get("/credits", (context) => {
    const known = account.authenticate(context.req.header("authorization"));
    if ("failure" in known) return openRouterError(known.failure);
    if (known.key.settings.isManagementKey === false) {
      return openRouterError({
        status: 403,
        message: "Only management keys can fetch credits for an account",
      });
    }
    return context.json(account.creditsBody());
  });
  api.get("/generation", (context) => {
    const known = account.authenticate(context.req.header("authorization"));
    if ("failure" in known) return openRouterError(known.failure);
    const id = context.req.query("id") ?? "";
    const found = generations.get(id);
    if (!found || found.visibleAtMs > twin.clock.now()) {
      return openRouterError({ status: 404, message: `Generation ${id} not found` });
    }
    return context.json(found.body);
  });
  api.post("/chat/completions", async (context) => {
    const known = account.authenticate(context.req.header("authorization"));
    if ("failure" in known) return openRouterError(known.failure);
    const refusal = account.refusal(known.key);
    if (refusal) return openRouterError(refusal);
    return answerOpenRouterChat(await context.req.text(), {
      engine,
      clock: twin.clock,
      find,
      nextId,
      withMetadata: context.req.header("x-openrouter-metadata") !== undefined,
      onServed(generation) {
        account.charge(known.key, generation.outcome.costUsd ?? 0);
        const createdAtMs = twin.clock.now();
        const body = generationBody({ ...generation, createdAtMs });
        generations.set(generation.id, { visibleAtMs: createdAtMs + generationDelayMs, body });
      },
    });
  });

  const twin: Twin = await startTwin("openrouter", app, twinOptions);
  return {
    ...twin,
    baseUrl: `${twin.url}/api/v1`,
    setModel,
    removeModel(id) {
      engine.remove(id);
      catalogue.delete(id);
    },
    setCredits: (creditsUsd) => account.setCredits(creditsUsd),
    totals: (id) => engine.totals(id),
  };
}
