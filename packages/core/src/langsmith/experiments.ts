import type { Client } from "langsmith";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { ArmName } from "../evaluation/arm.ts";
import type { ExperimentUrls } from "../evaluation/experiment-urls.ts";
import type {
  ExperimentSession,
  ExperimentSetup,
  ExperimentWriter,
} from "../evaluation/experiment-writer.ts";
import type { ExampleOutcome } from "../evaluation/score-example.ts";
import { publicReference } from "../files/public-reference.ts";
import { requestText } from "../http/request-text.ts";
import { experimentRun } from "./experiment-run.ts";
import { openLangSmithClient } from "./langsmith-client.ts";
import { isUuid, uuidOf } from "./langsmith-ids.ts";
import {
  compileLangSmithOptions,
  type LangSmithOptions,
  type LangSmithSettings,
} from "./langsmith-options.ts";
import { parseLangSmithReference } from "./langsmith-reference.ts";
import { withoutSecrets } from "./without-secrets.ts";

/**
 * Writes each comparison as two experiments on one LangSmith dataset, tagged with agent, version and
 * `baseline_vs_candidate`, with the scores as feedback. No author, host or git data is sent. `langsmith` is loaded at the
 * first evaluation, and a service that does not answer is noticed before anything is queued for it.
 */
export function langSmithExperiments(options: LangSmithOptions = {}): ExperimentWriter {
  const settings = compileLangSmithOptions(options);
  return {
    async start(setup, { signal }) {
      await requireReachable(settings, signal);
      const client = await openLangSmithClient(settings);
      const dataset = await openDataset(client, setup);
      const experiments = new Map<ArmName, Experiment>();
      for (const arm of setup.arms) {
        const experiment = await openExperiment(client, setup, arm, {
          datasetId: dataset.id,
          // The service shows an experiment beside the examples as they were at this version.
          metadata: { ...settings.metadata, ...(dataset.version && { dataset_version: dataset.version }) },
        });
        experiments.set(arm.name, experiment);
      }
      return session({
        client,
        setup,
        dataset,
        experiments,
        sendTexts: settings.sendTexts,
        secrets: [settings.apiKey.reveal()],
      });
    },
  };
}

interface LangSmithDataset {
  readonly id: string;
  /** The moment the examples were read as of; null for a dataset of ours. */
  readonly version: string | null;
  /** Whether its examples have to be written: it was made for this evaluation. */
  readonly isNew: boolean;
  /** Id of an example of ours over there. */
  exampleId(id: string): string;
}

interface Experiment {
  readonly id: string;
  readonly name: string;
  readonly tenantId: string;
  readonly metadata: Readonly<Record<string, string>>;
}

const EXAMPLES_PER_REQUEST = 100;

/** The client itself retries an unreachable service for more than a minute; one short question spares that. */
async function requireReachable(settings: LangSmithSettings, signal: AbortSignal): Promise<void> {
  const response = await requestText({
    fetch: settings.fetch,
    url: `${settings.apiUrl}/info`,
    method: "GET",
    headers: { "x-api-key": settings.apiKey.reveal() },
    timeoutMs: settings.timeoutMs,
    signal,
    area: "langsmith",
    subject: "LangSmith",
    secrets: [settings.apiKey.reveal()],
  });
  if (response.status < 400) return;
  throw new ModelOpsError({
    code:
      response.status === 401 || response.status === 403 ? "langsmith/unauthorized" : "langsmith/unavailable",
    message: `LangSmith answered with HTTP ${response.status}.`,
    fix: "check LANGSMITH_API_KEY and LANGSMITH_ENDPOINT.",
    isRetryable: response.status >= 500,
    details: { status: response.status },
  });
}

async function openDataset(client: Client, setup: ExperimentSetup): Promise<LangSmithDataset> {
  const { ref, fingerprint } = setup.dataset;
  const reference = ref?.startsWith("ls://") ? parseLangSmithReference(ref) : null;
  // The runs of a project are no dataset: they become one.
  if (reference?.kind === "dataset") {
    const { id } = await client.readDataset({ datasetName: reference.name });
    return {
      id,
      version: reference.asOf,
      isNew: false,
      exampleId: (exampleId) => (isUuid(exampleId) ? exampleId : uuidOf(id, exampleId)),
    };
  }
  // Equal rows are one dataset, so that later comparisons line up with earlier ones.
  const datasetName = `modelops-${setup.agent}-${fingerprint.replace(/^sha256:/, "").slice(0, 16)}`;
  const exampleId = (id: string) => uuidOf(datasetName, id);
  if (await client.hasDataset({ datasetName })) {
    const known = await client.readDataset({ datasetName });
    return {
      id: known.id,
      version: null,
      isNew: (known.example_count ?? 0) < setup.dataset.examples,
      exampleId,
    };
  }
  const made = await client.createDataset(datasetName, {
    description: `${setup.dataset.examples} examples of agent ${setup.agent} (${ref === null ? "inline" : publicReference(ref)})`,
    dataType: "kv",
    metadata: { fingerprint, agent: setup.agent },
  });
  return { id: made.id, version: null, isNew: true, exampleId };
}

async function openExperiment(
  client: Client,
  setup: ExperimentSetup,
  arm: ExperimentSetup["arms"][number],
  options: { readonly datasetId: string; readonly metadata: Readonly<Record<string, string>> },
): Promise<Experiment> {
  const metadata = {
    ...options.metadata,
    agent: setup.agent,
    model_version: arm.version,
    model_id: arm.modelId,
    arm: arm.name,
    experiment_type: "baseline_vs_candidate",
    evaluation_id: setup.evaluationId,
    dataset_fingerprint: setup.dataset.fingerprint,
  };
  const project = await client.createProject({
    projectName: `${setup.agent} ${arm.version} ${arm.name} ${setup.evaluationId}`,
    description: `${arm.name} of evaluation ${setup.evaluationId}`,
    metadata,
    referenceDatasetId: options.datasetId,
    numExamples: setup.dataset.examples,
    numRepetitions: setup.trials,
    evaluatorKeys: [...setup.metricNames],
    // A resumed evaluation goes on in the same experiment.
    upsert: true,
  });
  return { id: project.id, name: project.name ?? "", tenantId: project.tenant_id, metadata };
}

function session(open: {
  readonly client: Client;
  readonly setup: ExperimentSetup;
  readonly dataset: LangSmithDataset;
  readonly experiments: ReadonlyMap<ArmName, Experiment>;
  readonly sendTexts: boolean;
  readonly secrets: readonly string[];
}): ExperimentSession {
  const { client, setup, dataset, experiments } = open;
  let waiting: ExampleOutcome[] = [];
  let sending: Promise<void> = Promise.resolve();
  let failure: { readonly error: unknown } | null = null;

  async function send(outcomes: readonly ExampleOutcome[]): Promise<void> {
    if (failure) return;
    if (dataset.isNew) {
      await client.uploadExamplesMultipart(
        dataset.id,
        outcomes.map(({ example }) => {
          const { inputs, outputs, metadata } = open.sendTexts
            ? withoutSecrets(example, open.secrets)
            : { inputs: {}, outputs: {}, metadata: {} };
          return {
            id: dataset.exampleId(example.id),
            inputs: { ...inputs },
            outputs: { ...outputs },
            metadata: { ...metadata, example_id: example.id },
          };
        }),
      );
    }
    for (const outcome of outcomes) {
      for (const [arm, experiment] of experiments) {
        for (const [trial, result] of (outcome.arms[arm] ?? []).entries()) {
          const { run, feedback } = experimentRun({
            outcome: result,
            example: outcome.example,
            trial,
            experiment,
            metricNames: setup.metricNames,
            referenceExampleId: dataset.exampleId(outcome.example.id),
            sendTexts: open.sendTexts,
          });
          await client.createRun(withoutSecrets(run, open.secrets));
          for (const entry of feedback) await client.createFeedback(withoutSecrets(entry, open.secrets));
        }
      }
    }
  }

  const flush = () => {
    const outcomes = waiting;
    waiting = [];
    sending = sending
      .then(() => send(outcomes))
      .catch((error: unknown) => {
        failure ??= { error };
      });
  };

  return {
    record(outcome) {
      waiting.push(outcome);
      if (waiting.length >= EXAMPLES_PER_REQUEST) flush();
    },
    async finish(): Promise<ExperimentUrls> {
      if (waiting.length > 0) flush();
      await sending;
      if (failure) throw (failure as { readonly error: unknown }).error;
      await client.awaitPendingTraceBatches();
      for (const { id } of experiments.values()) {
        await client.updateProject(id, { endTime: new Date().toISOString() });
      }
      return urlsOf(client, dataset.id, experiments);
    },
  };
}

function urlsOf(
  client: Client,
  datasetId: string,
  experiments: ReadonlyMap<ArmName, Experiment>,
): ExperimentUrls {
  const [candidate, baseline] = [experiments.get("candidate"), experiments.get("baseline")];
  const url = (...shown: readonly (Experiment | undefined)[]) => {
    const [first] = shown;
    if (!first || shown.includes(undefined)) return null;
    const ids = shown.map((experiment) => experiment?.id).join("%2C");
    return `${client.getHostUrl()}/o/${first.tenantId}/datasets/${datasetId}/compare?selectedSessions=${ids}`;
  };
  return { candidate: url(candidate), baseline: url(baseline), comparison: url(baseline, candidate) };
}
