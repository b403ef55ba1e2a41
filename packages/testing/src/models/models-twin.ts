import { Hono } from "hono";
import { startTwin, type Twin, type TwinOptions } from "../twin/twin.ts";
import { ChatEngine, type ModelTotals } from "./chat-engine.ts";
import { answerOpenAIChat, openAIError } from "./openai-dialect.ts";
import { checkScriptedModel, type ScriptedModel } from "./scripted-model.ts";

export interface ModelsTwinOptions extends TwinOptions {
  readonly models?: readonly ScriptedModel[];
  /** Keys that are accepted. @default every caller is served */
  readonly apiKeys?: readonly string[];
  /**
   * How a model that is loaded by `POST /v1/load_lora_adapter` (vLLM's route) answers. @default there is no such route,
   * as in a vLLM server started without it
   */
  readonly loadedModel?: (adapter: { readonly name: string; readonly path: string }) => ScriptedModel;
}

/** An OpenAI-compatible server whose models do as scripted. */
export interface ModelsTwin extends Twin {
  /** `<url>/v1` */
  readonly baseUrl: string;
  /** Adds a model or changes how it behaves from now on. */
  setModel(model: ScriptedModel): void;
  removeModel(id: string): void;
  /** What a model has done since it was set; null for an unknown one. */
  totals(id: string): ModelTotals | null;
}

/** Starts the Models twin: `GET /v1/models`, `POST /v1/chat/completions` (also as SSE), `GET /health`. */
export async function startModelsTwin(options: ModelsTwinOptions = {}): Promise<ModelsTwin> {
  const { models = [], apiKeys, loadedModel, ...twinOptions } = options;
  const engine = new ChatEngine();
  const setModel = (model: ScriptedModel) => engine.set(checkScriptedModel("models", model));
  for (const model of models) setModel(model);
  let completions = 0;
  const nextId = () => `chatcmpl-twin${String(++completions).padStart(8, "0")}`;

  const app = new Hono();
  app.get("/health", (context) => context.body(null, 200));
  app.use("/v1/*", async (context, next) => {
    const key = context.req.header("authorization")?.replace(/^Bearer\s+/i, "");
    if (apiKeys && (key === undefined || !apiKeys.includes(key))) {
      const message = key === undefined ? "You didn't provide an API key." : "Incorrect API key provided.";
      return openAIError({ status: 401, message, kind: "invalid_api_key" });
    }
    return next();
  });
  app.get("/v1/models", (context) =>
    context.json({
      object: "list",
      data: engine.ids.map((id) => ({ id, object: "model", created: 0, owned_by: "twin" })),
    }),
  );
  app.post("/v1/chat/completions", async (context) =>
    answerOpenAIChat(await context.req.text(), { engine, clock: twin.clock, nextId }),
  );
  if (loadedModel) {
    app.post("/v1/load_lora_adapter", async (context) => {
      const { lora_name: name, lora_path: path } = await context.req.json();
      if (typeof name !== "string" || typeof path !== "string" || !name || !path) {
        return loraError(400, "Both 'lora_name' and 'lora_path' must be provided.");
      }
      if (engine.script(name)) return loraError(400, `The lora adapter '${name}' has already been loaded.`);
      setModel({ ...loadedModel({ name, path }), id: name });
      return context.text(`Success: LoRA adapter '${name}' added successfully.`);
    });
    app.post("/v1/unload_lora_adapter", async (context) => {
      const { lora_name: name } = await context.req.json();
      if (!engine.remove(name)) return loraError(404, `The lora adapter '${name}' cannot be found.`);
      return context.text(`Success: LoRA adapter '${name}' removed successfully.`);
    });
  }

  const twin: Twin = await startTwin("models", app, twinOptions);
  return {
    ...twin,
    baseUrl: `${twin.url}/v1`,
    setModel,
    removeModel: (id) => void engine.remove(id),
    totals: (id) => engine.totals(id),
  };
}

function loraError(status: 400 | 404, message: string): Response {
  const type = status === 404 ? "NotFoundError" : "InvalidUserInput";
  return Response.json({ object: "error", message, type, param: null, code: status }, { status });
}
