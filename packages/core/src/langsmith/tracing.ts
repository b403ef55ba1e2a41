import type { Client } from "langsmith";
import type { traceable as Traceable } from "langsmith/traceable";
import { z } from "zod";
import type { TracedFacts, Tracer } from "../contract/tracer.ts";
import { parseOrThrow } from "../errors/from-zod.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { redact } from "../http/redact.ts";
import { type Logger, silentLogger } from "../runtime.ts";
import { openLangSmithClient } from "./langsmith-client.ts";
import {
  compileConnection,
  connectionShape,
  fromEnvironment,
  type LangSmithConnection,
  type LangSmithSettings,
} from "./langsmith-options.ts";
import { patientFetch } from "./patient-fetch.ts";
import { withTexts } from "./without-secrets.ts";

export interface LangSmithTracingOptions extends LangSmithConnection {
  /** @default the environment variable LANGSMITH_PROJECT, else `default` */
  readonly project?: string;
  /** Told once when traces cannot be sent. @default nobody */
  readonly logger?: Logger;
}

const schema = z.strictObject({
  ...connectionShape,
  project: z.string().min(1).optional(),
  logger: z.custom<Logger>((value) => typeof value === "object" && value !== null).optional(),
});

interface OpenTracing {
  readonly client: Client;
  readonly traceable: typeof Traceable;
}

/** How long `flush` waits for a service that is slow. */
const FLUSH_LIMIT_MS = 10_000;

/**
 * Shows what evaluator, trainer and deployer do as LangSmith runs, through LangSmith's own `traceable`: runs of the
 * host's own `traceable` functions and LangChain models become children. Names, numbers and ids are sent, never rows,
 * prompts, answers, keys, paths or people. `langsmith` is loaded at the first action; a service that is down costs
 * its traces and nothing else.
 */
export function langSmithTracing(options: LangSmithTracingOptions = {}): Tracer {
  const given = parseOrThrow(schema, options, {
    code: "langsmith/options",
    subject: "The options of langSmithTracing",
  });
  const settings = compileConnection(given);
  const logger = given.logger ?? silentLogger;
  let opening: Promise<OpenTracing | null> | null = null;

  const open = () => {
    opening ??= openTracing(settings, logger).catch((error: unknown) => {
      logger.warn(`LangSmith: nothing is traced: ${redact(String(error)).slice(0, 300)}`);
      return null;
    });
    return opening;
  };

  return {
    async trace(action, run) {
      const tracing = await open();
      if (!tracing) return run();
      let started: ReturnType<typeof run> | null = null;
      const once = () => {
        started ??= run();
        return started;
      };
      const traced = tracing.traceable(
        async (_inputs: TracedFacts) => redacted(action.outputs(await once().catch(throwFacts)), settings),
        {
          name: action.name,
          run_type: "chain",
          client: tracing.client,
          tracingEnabled: true,
          ...(given.project !== undefined && { project_name: given.project }),
          tags: action.agent === null ? [] : [`agent:${action.agent}`],
          metadata: { ...settings.metadata, ...(action.agent !== null && { agent: action.agent }) },
        },
      );
      // What the trace makes of it is the trace's business; the caller gets the action's own value or error.
      try {
        await traced(redacted(action.inputs, settings));
      } catch {}
      return once();

      function throwFacts(error: unknown): never {
        throw errorFacts(error, settings);
      }
    },
    async flush() {
      const tracing = await opening;
      if (!tracing) return;
      let timer: NodeJS.Timeout | undefined;
      const limit = new Promise<void>((resolve) => {
        timer = setTimeout(() => {
          logger.warn(`LangSmith: traces were not taken within ${FLUSH_LIMIT_MS} ms.`);
          resolve();
        }, FLUSH_LIMIT_MS);
      });
      await Promise.race([tracing.client.awaitPendingTraceBatches(), limit]);
      clearTimeout(timer);
    },
  };
}

/** Whether the environment asks for traces: `LANGSMITH_TRACING=true`. */
export function isTracingRequested(): boolean {
  return (fromEnvironment("TRACING") ?? fromEnvironment("TRACING_V2")) === "true";
}

async function openTracing(settings: LangSmithSettings, logger: Logger): Promise<OpenTracing> {
  const fetch = patientFetch({
    fetch: settings.fetch,
    timeoutMs: settings.timeoutMs,
    onDropped: (reason) => logger.warn(`LangSmith: traces are dropped for 30 s: ${reason}.`),
  });
  const [client, { traceable }] = await Promise.all([
    openLangSmithClient({ ...settings, fetch }),
    import("langsmith/traceable"),
  ]);
  return { client, traceable };
}

const EMAIL = /[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}/gi;
/** Folders of an absolute path: they tell who works where. */
const FOLDERS = /(?<![\w:/\\])(?:[a-z]:)?[\\/](?:[^\s\\/"']+[\\/])+/gi;

/** Facts are chosen with care, and still a reason is a text of somebody. */
function redacted(facts: TracedFacts, settings: LangSmithSettings): Record<string, unknown> {
  return withTexts(facts, (text) => cleanText(text, settings)) as Record<string, unknown>;
}

function cleanText(text: string, settings: LangSmithSettings): string {
  return redact(text, [settings.apiKey.reveal()])
    .replace(EMAIL, "[e-mail]")
    .replace(FOLDERS, "…/")
    .slice(0, 1000);
}

/** A run shows an error as `name: message`: the code and what happened, for an error of ours; no stack, no cause. */
function errorFacts(error: unknown, settings: LangSmithSettings): Error {
  const isOurs = ModelOpsError.isInstance(error);
  const shown = new Error(
    isOurs
      ? cleanText([error.what, error.reason].filter(Boolean).join(" "), settings)
      : "failed outside of the library",
  );
  shown.name = isOurs ? error.code : error instanceof Error ? error.name : typeof error;
  return shown;
}
