import { type Context, Hono } from "hono";
import { ChatEngine } from "../models/chat-engine.ts";
import { answerOpenAIChat } from "../models/openai-dialect.ts";
import { checkScriptedModel, type ScriptedModel } from "../models/scripted-model.ts";
import { startTwin, type Twin, type TwinOptions, waitWhileAnswering } from "../twin/twin.ts";
import { mergeConfig, readConfig } from "./endpoint-config.ts";
import { EndpointLife, type EndpointState, type EndpointTimes } from "./endpoint-life.ts";
import { acceleratorsOf, PRICE_LIST, providerBody, type TwinCompute } from "./price-list.ts";
import { endpointBody, type TwinEndpoint } from "./twin-endpoint.ts";

export interface EndpointsTwinOptions extends TwinOptions {
  /** Tokens that may manage and call. @default any token */
  readonly tokens?: readonly string[];
  /** Namespaces there are. @default any */
  readonly namespaces?: readonly string[];
  readonly computes?: readonly TwinCompute[];
  readonly times?: Partial<EndpointTimes>;
  /** How the model of an endpoint answers. @default "I do not know." to everything */
  readonly model?: (endpoint: {
    readonly name: string;
    readonly repository: string;
    readonly revision: string | null;
  }) => Omit<ScriptedModel, "id">;
}

/** Inference Endpoints: the management API, and an OpenAI-compatible route per endpoint. */
export interface EndpointsTwin extends Twin {
  /** `<url>/v2` */
  readonly managementUrl: string;
  /** Names of the endpoints there are. */
  names(): readonly string[];
  /** Null when there is none of that name. */
  state(name: string): EndpointState | null;
  /** Changes how an endpoint answers from now on. */
  setModel(name: string, model: Omit<ScriptedModel, "id">): void;
  setComputes(computes: readonly TwinCompute[]): void;
  setTimes(times: Partial<EndpointTimes>): void;
  /** Starts and updates fail from now on, with this message; null = they succeed again. */
  failStarts(message: string | null): void;
}

const DEFAULT_TIMES: EndpointTimes = { pendingMs: 15_000, initializingMs: 150_000, updatingMs: 120_000 };

/** Starts the Inference Endpoints twin. */
export async function startEndpointsTwin(options: EndpointsTwinOptions = {}): Promise<EndpointsTwin> {
  const { tokens, namespaces, model: scriptOf, ...rest } = options;
  const { computes: firstComputes, times: firstTimes, ...twinOptions } = rest;
  const endpoints = new Map<string, TwinEndpoint>();
  const engine = new ChatEngine();
  let computes = firstComputes ?? PRICE_LIST;
  let times: EndpointTimes = { ...DEFAULT_TIMES, ...firstTimes };
  let failureMessage: string | null = null;
  let completions = 0;
  const now = () => twin.clock.now();

  const refuse = (status: 400 | 401 | 403 | 404 | 409 | 503, error: string) =>
    Response.json({ error }, { status });
  const unauthorized = (context: Context): Response | null => {
    const token = /^Bearer\s+(\S+)$/i.exec(context.req.header("authorization") ?? "")?.[1];
    if (token !== undefined && (!tokens || tokens.includes(token))) return null;
    return refuse(401, "Unauthorized");
  };
  const computeOf = (config: TwinEndpoint["config"]): TwinCompute | undefined =>
    computes.find(
      (compute) =>
        compute.vendor === config.provider.vendor &&
        compute.region === config.provider.region &&
        compute.accelerator === config.compute.accelerator &&
        compute.instanceType === config.compute.instanceType &&
        compute.instanceSize === config.compute.instanceSize,
    );
  /** Paused endpoints hold no quota; those scaled to zero do. */
  const usedBy = (compute: TwinCompute, except?: TwinEndpoint): number =>
    [...endpoints.values()]
      .filter((endpoint) => endpoint !== except && endpoint.life.state(now()) !== "paused")
      .filter((endpoint) => endpoint.config.compute.instanceType === compute.instanceType)
      .reduce((sum, endpoint) => {
        const own = computeOf(endpoint.config);
        return sum + (own ? acceleratorsOf(own) * endpoint.config.compute.scaling.maxReplica : 0);
      }, 0);
  const machineProblem = (config: TwinEndpoint["config"], except?: TwinEndpoint): string | null => {
    const compute = computeOf(config);
    const { instanceType, instanceSize, scaling } = config.compute;
    if (!compute) return `Compute instance ${instanceType} ${instanceSize} is not available in this region`;
    if (compute.status === "not_available" || compute.status === "deprecated") {
      return `Compute instance ${instanceType} ${instanceSize} is ${compute.status}`;
    }
    const wanted = acceleratorsOf(compute) * scaling.maxReplica;
    const used = usedBy(compute, except);
    const maximum = compute.maxAccelerators ?? 8;
    return used + wanted > maximum
      ? `Quota exceeded: ${used} of ${maximum} ${instanceType} in use, ${wanted} more needed`
      : null;
  };
  const play = (name: string, config: TwinEndpoint["config"]) => {
    const { repository, revision } = config.model;
    engine.set({ ...scriptOf?.({ name, repository, revision: revision ?? null }), id: name });
  };
  const show = (endpoint: TwinEndpoint) =>
    endpointBody(endpoint, {
      nowMs: now(),
      url: `${twin.url}/serve/${endpoint.name}`,
      failureMessage: failureMessage ?? "The container exited with code 1",
    });

  const app = new Hono();
  app.use("/v2/*", async (context, next) => unauthorized(context) ?? next());
  app.get("/v2/provider/:namespace", (context) => context.json(providerBody(computes, usedBy)));
  app.use("/v2/endpoint/:namespace/*", async (context, next) => {
    const known = !namespaces || namespaces.includes(context.req.param("namespace"));
    return known ? next() : refuse(403, "You don't have access to this namespace");
  });
  app.get("/v2/endpoint/:namespace", (context) => {
    const items = [...endpoints.values()].filter(
      ({ namespace }) => namespace === context.req.param("namespace"),
    );
    return context.json({ items: items.map(show) });
  });
  app.post("/v2/endpoint/:namespace", async (context) => {
    const { config, problem } = readConfig(await context.req.json().catch(() => null));
    if (problem !== null) return refuse(400, `Invalid request: ${problem}`);
    if (endpoints.has(config.name)) return refuse(409, `Endpoint ${config.name} already exists`);
    const machine = machineProblem(config);
    if (machine) return refuse(400, machine);
    const endpoint: TwinEndpoint = {
      namespace: context.req.param("namespace"),
      name: config.name,
      config,
      createdAtMs: now(),
      updatedAtMs: now(),
      life: new EndpointLife({
        nowMs: now(),
        times: () => times,
        fails: failureMessage !== null,
        idleMs: () => {
          const { minReplica, scaleToZeroTimeout } = endpoint.config.compute.scaling;
          return minReplica === 0 && scaleToZeroTimeout ? scaleToZeroTimeout * 60_000 : null;
        },
      }),
    };
    endpoints.set(config.name, endpoint);
    play(config.name, config);
    return context.json(show(endpoint), 202);
  });

  const found = (context: Context): TwinEndpoint | null => {
    const endpoint = endpoints.get(context.req.param("name") ?? "");
    return endpoint && endpoint.namespace === context.req.param("namespace") ? endpoint : null;
  };
  const absent = (context: Context) => refuse(404, `Endpoint ${context.req.param("name")} not found`);
  app.get("/v2/endpoint/:namespace/:name", (context) => {
    const endpoint = found(context);
    return endpoint ? context.json(show(endpoint)) : absent(context);
  });
  app.put("/v2/endpoint/:namespace/:name", async (context) => {
    const endpoint = found(context);
    if (!endpoint) return absent(context);
    const changes = await context.req.json().catch(() => null);
    const { config, problem } = readConfig(mergeConfig(endpoint.config, changes));
    if (problem !== null) return refuse(400, `Invalid request: ${problem}`);
    const machine = machineProblem(config, endpoint);
    if (machine) return refuse(400, machine);
    endpoint.config = { ...config, name: endpoint.name };
    endpoint.updatedAtMs = now();
    endpoint.life.update(now(), failureMessage !== null);
    // After an update that failed the old model goes on answering.
    if (failureMessage === null) play(endpoint.name, endpoint.config);
    return context.json(show(endpoint));
  });
  app.delete("/v2/endpoint/:namespace/:name", (context) => {
    const endpoint = found(context);
    if (!endpoint) return absent(context);
    endpoints.delete(endpoint.name);
    engine.remove(endpoint.name);
    return context.json({}, 202);
  });
  app.post("/v2/endpoint/:namespace/:name/:action", (context) => {
    const endpoint = found(context);
    if (!endpoint) return absent(context);
    const { life } = endpoint;
    const action = context.req.param("action");
    if (action === "pause") life.pause();
    else if (action === "scale-to-zero") life.scaleToZero();
    else if (action === "resume") {
      if (life.isServing(now())) return refuse(400, "Endpoint is already running");
      if (!["pending", "initializing"].includes(life.state(now()))) {
        const machine = machineProblem(endpoint.config, endpoint);
        if (machine) return refuse(400, machine);
        life.resume(now(), failureMessage !== null);
      }
    } else return context.notFound();
    return context.json(show(endpoint));
  });

  /** The endpoint behind a call, awake; or what its proxy answers instead. */
  const awake = async (context: Context): Promise<TwinEndpoint | Response> => {
    const endpoint = endpoints.get(context.req.param("name") ?? "");
    if (!endpoint) return refuse(404, "Not Found");
    if (endpoint.config.type !== "public") {
      const refusal = unauthorized(context);
      if (refusal) return refusal;
    }
    const { life } = endpoint;
    if (life.state(now()) === "paused") return refuse(400, "Bad Request: Invalid state");
    if (life.state(now()) === "scaledToZero") life.resume(now(), failureMessage !== null);
    if (!life.isServing(now())) {
      const heldMs = Number(context.req.header("x-scale-up-timeout") ?? 0) * 1000;
      const readyInMs = life.readyInMs(now());
      if (heldMs > 0) await waitWhileAnswering(twin.clock, Math.min(heldMs, readyInMs ?? heldMs));
      if (!life.isServing(now())) return refuse(503, "503 Service Unavailable");
    }
    life.noteRequest(now());
    return endpoint;
  };
  app.get("/serve/:name/health", async (context) => {
    const endpoint = await awake(context);
    return endpoint instanceof Response ? endpoint : context.json({ status: "ok" });
  });
  app.use("/serve/:name/v1/*", async (context, next) => {
    const endpoint = await awake(context);
    if (endpoint instanceof Response) return endpoint;
    // The plain toolkit image has no OpenAI routes.
    return "huggingface" in endpoint.config.model.image ? refuse(404, "Not Found") : next();
  });
  app.get("/serve/:name/v1/models", (context) =>
    context.json({ object: "list", data: [{ id: context.req.param("name"), object: "model" }] }),
  );
  app.post("/serve/:name/v1/chat/completions", async (context) =>
    answerOpenAIChat(await context.req.text(), {
      engine,
      clock: twin.clock,
      nextId: () => `chatcmpl-twin${String(++completions).padStart(8, "0")}`,
      onlyModel: context.req.param("name"),
    }),
  );

  const twin: Twin = await startTwin("endpoints", app, twinOptions);
  return {
    ...twin,
    managementUrl: `${twin.url}/v2`,
    names: () => [...endpoints.keys()],
    state: (name) => endpoints.get(name)?.life.state(now()) ?? null,
    setModel: (name, model) => engine.set(checkScriptedModel("endpoints", { ...model, id: name })),
    setComputes: (next) => {
      computes = next;
    },
    setTimes: (next) => {
      times = { ...times, ...next };
    },
    failStarts: (message) => {
      failureMessage = message;
    },
  };
}
