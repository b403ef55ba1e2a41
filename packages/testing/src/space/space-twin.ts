import { type Context, Hono } from "hono";
import { startTwin, type Twin, type TwinOptions } from "../twin/twin.ts";
import { type SpaceJob, type SpaceJobScript, spaceJobStatus } from "./space-job.ts";
import { decodedDataset, readTrainRequest, type SpaceDialect } from "./train-request.ts";

export interface SpaceTwinOptions extends TwinOptions {
  /** @default "app" */
  readonly dialect?: SpaceDialect;
  /** How jobs go. @default ten minutes of training, then completed */
  readonly script?: SpaceJobScript;
  /** A private Space: without one of these tokens its proxy answers 404. @default a public Space */
  readonly tokens?: readonly string[];
}

/** The REST trainer that runs in a Space. */
export interface SpaceTwin extends Twin {
  /** Jobs that were started from now on go like this. */
  script(script: SpaceJobScript): void;
  /** Puts the Space to sleep: until it is awake again, so long after the next request, it answers with a page. */
  sleep(wakeMs: number): void;
  /** Restarts the Space: it forgets every job. */
  restart(): void;
  /** The rows that a job was sent, as text; null for an unknown job. */
  datasetOf(jobId: string): string | null;
}

/** Starts the Space trainer twin. */
export async function startSpaceTwin(options: SpaceTwinOptions = {}): Promise<SpaceTwin> {
  const { dialect = "app", script: firstScript = {}, tokens, ...twinOptions } = options;
  let script = firstScript;
  let jobs = new Map<string, SpaceJob & { readonly dataset: string }>();
  let waking: { readonly wakeMs: number; readonly awakeAtMs: number | null } | null = null;
  const now = () => twin.clock.now();

  const app = new Hono();
  app.use(async (context, next) => {
    const token = /^Bearer\s+(\S+)$/i.exec(context.req.header("authorization") ?? "")?.[1];
    if (tokens && !tokens.includes(token ?? ""))
      return page(context, 404, "Sorry, we can't find the page you are looking for.");
    if (waking !== null) {
      waking = { ...waking, awakeAtMs: waking.awakeAtMs ?? now() + waking.wakeMs };
      if (now() < (waking.awakeAtMs ?? 0))
        return page(context, 503, "Your space is building or starting up.");
      waking = null;
    }
    return next();
  });
  app.get("/health", (context) =>
    context.json({
      status: "healthy",
      service: "code-chef-modelops-trainer",
      autotrain_available: true,
      hf_token_configured: true,
    }),
  );
  app.post("/train", async (context) => {
    const { name, dataset, problems } = readTrainRequest(dialect, await context.req.json().catch(() => ({})));
    if (problems !== null) return context.json({ detail: problems }, 422);
    // The name goes into a file's name unchecked.
    const rows = name.includes("/") ? null : decodedDataset(dataset);
    if (rows === null) return context.text("Internal Server Error", 500);
    const stamp = new Date(now())
      .toISOString()
      .replace(/[-:]|\..*/g, "")
      .replace("T", "_");
    const id = `job_${stamp}_${name}`;
    const repository = `alextorelli/codechef-${name}-${stamp}`;
    // Two jobs of one name in one second share an id, and the later one wins.
    jobs.set(id, { id, createdAtMs: now(), repository, script, dataset: rows });
    return context.json({
      job_id: id,
      status: "pending",
      message: `Training job ${id} submitted successfully`,
    });
  });
  app.get("/status/:id", (context) => {
    const job = jobs.get(context.req.param("id"));
    if (!job) return context.json({ detail: `Job ${context.req.param("id")} not found` }, 404);
    return context.json(spaceJobStatus(job, now()));
  });

  const twin: Twin = await startTwin("space", app, twinOptions);
  return {
    ...twin,
    script(next) {
      script = next;
    },
    sleep(wakeMs) {
      waking = { wakeMs, awakeAtMs: null };
    },
    restart() {
      jobs = new Map();
    },
    datasetOf: (jobId) => jobs.get(jobId)?.dataset ?? null,
  };
}

function page(context: Context, status: 404 | 503, text: string): Response {
  return context.html(`<!doctype html><html><body><p>${text}</p></body></html>`, status);
}
