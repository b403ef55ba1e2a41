import { Hono } from "hono";
import { machineClock, startTwin, type Twin, type TwinOptions } from "../twin/twin.ts";
import { addDatasetRoutes } from "./dataset-routes.ts";
import { addIngestRoutes } from "./ingest-routes.ts";
import { LangSmithRefusal } from "./langsmith-error.ts";
import { LangSmithState } from "./langsmith-state.ts";
import { addQueryRoutes, addQueryRoutesV2 } from "./query-routes.ts";
import { addSessionRoutes } from "./session-routes.ts";

export interface LangSmithTwinOptions extends TwinOptions {
  /** Keys that are accepted. @default any key, but not none */
  readonly apiKeys?: readonly string[];
  /** How long runs are invisible after they arrived. @default 0 */
  readonly ingestDelayMs?: number;
  /** What `GET /info` offers. @default all but SmithDB queries */
  readonly features?: {
    /** False: `/runs/multipart` is missing, clients fall back to `/runs/batch`. @default true */
    readonly multipart?: boolean;
    /** @default "zstd" */
    readonly compression?: "zstd" | "gzip" | "none";
    /** True: clients query runs by version 2. @default false */
    readonly smithDbQueries?: boolean;
    /** @default "0.16.20" */
    readonly version?: string;
  };
}

/** A run as it arrived, for assertions. */
export interface ReceivedRun {
  readonly id: string;
  readonly name: string;
  readonly project: string;
  readonly parentRunId: string | null;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly outputs: Readonly<Record<string, unknown>> | null;
  readonly error: string | null;
  readonly tags: readonly string[];
}

/** A LangSmith workspace. */
export interface LangSmithTwin extends Twin {
  /** What clients take as `apiUrl`; `<url>/api/v1` works, too. */
  readonly apiUrl: string;
  readonly tenantId: string;
  /** Runs of a project, or of all, in the order they arrived. */
  runs(project?: string): readonly ReceivedRun[];
}

/** Starts the LangSmith twin. */
export async function startLangSmithTwin(options: LangSmithTwinOptions = {}): Promise<LangSmithTwin> {
  const { apiKeys, ingestDelayMs = 0, features = {}, ...twinOptions } = options;
  const clock = options.clock ?? machineClock();
  const state = new LangSmithState(clock, ingestDelayMs);
  const { multipart = true, compression = "zstd", smithDbQueries = false, version = "0.16.20" } = features;

  const routes = refusing();
  routes.get("/info", (context) =>
    context.json({
      version,
      batch_ingest_config: {
        use_multipart_endpoint: multipart,
        size_limit: 100,
        size_limit_bytes: 20_971_520,
        // The Python client's thread ends without a word where these are missing, and its flush waits for ever.
        scale_up_qsize_trigger: 1000,
        scale_up_nthreads_limit: 16,
        scale_down_nempty_trigger: 4,
      },
      instance_flags: {
        dataset_examples_multipart_enabled: true,
        gzip_body_enabled: compression !== "none",
        zstd_compression_enabled: compression === "zstd",
        sdb_query_enabled: smithDbQueries,
        ch_query_enabled: true,
      },
    }),
  );
  addSessionRoutes(routes, state);
  addDatasetRoutes(routes, state);
  addIngestRoutes(routes, state, { hasMultipart: multipart });
  addQueryRoutes(routes, state);

  const app = new Hono();
  app.use(async (context, next) => {
    const key = context.req.header("x-api-key");
    const isKnown = key !== undefined && key !== "" && (!apiKeys || apiKeys.includes(key));
    if (!isKnown && !context.req.path.endsWith("/info"))
      return context.json({ detail: "Invalid token" }, 401);
    return next();
  });
  const second = refusing();
  addQueryRoutesV2(second, state);
  app.route("/", second);
  app.route("/", routes);
  app.route("/api/v1", routes);
  app.route("/api", routes);

  const twin = await startTwin("langsmith", app, { ...twinOptions, clock });
  return {
    ...twin,
    apiUrl: twin.url,
    tenantId: state.tenantId,
    runs(project) {
      const session = project === undefined ? null : state.sessionNamed(project);
      const wanted = project === undefined ? null : session ? [session.id] : [];
      return state
        .runsOf(wanted)
        .map(({ id, name, sessionId, parentRunId, inputs, outputs, error, tags }) => ({
          id,
          name,
          project: state.sessions.get(sessionId)?.name ?? "",
          parentRunId,
          inputs,
          outputs,
          error,
          tags,
        }));
    },
  };
}

/** Refusals thrown by handlers become answers; everything else stays the twin's own failure. */
function refusing(): Hono {
  return new Hono().onError((error, context) => {
    if (error instanceof LangSmithRefusal) return context.json({ detail: error.message }, error.status);
    throw error;
  });
}
