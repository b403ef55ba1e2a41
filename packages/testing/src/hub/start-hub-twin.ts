import { type ExecuteOptions, executeRunner } from "../jobs/execute-runner.ts";
import { defaultFlavors, type JobFlavor } from "../jobs/flavors.ts";
import type { Job } from "../jobs/job.ts";
import { addJobsRoutes } from "../jobs/jobs-routes.ts";
import { JobsService } from "../jobs/jobs-service.ts";
import { addScheduledJobsRoutes } from "../jobs/scheduled-jobs.ts";
import { DEFAULT_SCRIPT, type JobScript, scriptedRunner } from "../jobs/scripted-runner.ts";
import { machineClock, startTwin, type Twin, type TwinOptions } from "../twin/twin.ts";
import { addDocumentRoutes, type HubDocSeed, type HubPaperSeed } from "./document-routes.ts";
import { DEFAULT_ACCOUNT, type HubAccount, HubAccounts } from "./hub-accounts.ts";
import { hubApp } from "./hub-app.ts";
import type { RepositoryType } from "./hub-repository.ts";
import { HubState } from "./hub-state.ts";
import type { ViewerRows } from "./viewer-routes.ts";

/** A repository that a Hub twin starts with. */
export interface HubSeed {
  /** @default "model" */
  readonly type?: RepositoryType;
  /** `owner/name` */
  readonly name: string;
  readonly files?: Readonly<Record<string, Uint8Array | string>>;
  readonly isPrivate?: boolean;
  readonly gated?: false | "auto" | "manual";
  /** Users that may pass the gate. */
  readonly admitted?: readonly string[];
  readonly isDisabled?: boolean;
  readonly downloads?: number;
  readonly likes?: number;
  /** Fields of the info route: `pipeline_tag`, `tags`, `cardData`, `config`, `safetensors`. */
  readonly facts?: Readonly<Record<string, unknown>>;
  /** Rows that the dataset viewer shows at `<url>/datasets-server`: subset → split → rows. @default no viewer */
  readonly viewer?: ViewerRows;
}

export interface HubTwinOptions extends TwinOptions {
  /** Users and organisations with their tokens. @default one user `alice`, token `hf_twinAlice0123456789` */
  readonly accounts?: readonly HubAccount[];
  readonly repositories?: readonly HubSeed[];
  /** Papers that its search finds. @default none */
  readonly papers?: readonly HubPaperSeed[];
  /** Documentation that its search finds. @default none */
  readonly docs?: readonly HubDocSeed[];
  /** Keeps repositories and files in this folder; a twin started on it later finds them. @default in memory */
  readonly folder?: string;
  readonly jobs?: {
    /** Steps that every job plays. @default two seconds of scheduling, one line, exit code 0 */
    readonly script?: JobScript;
    /** Really runs the submitted commands on this machine instead. */
    readonly execute?: ExecuteOptions | true;
    /** @default the published list of August 2026 */
    readonly flavors?: readonly JobFlavor[];
  };
}

/** The Jobs side of a Hub twin. */
export interface JobsControl {
  readonly all: readonly Job[];
  /** What jobs created from now on play. */
  script(script: JobScript): void;
  /** Ends a job as the platform does, such as with `NO_CREDITS`. */
  cancel(id: string, reason: string): void;
  /** Billed so far, in USD. */
  costUsd(id: string): number;
}

export interface HubTwin extends Twin {
  /** A token that may write, of the first account that has one. */
  readonly token: string;
  readonly jobs: JobsControl;
  addRepository(seed: HubSeed): void;
  /** Files of a repository at a branch, tag or commit; null when the repository does not exist. */
  files(
    name: string,
    options?: { readonly type?: RepositoryType; readonly revision?: string },
  ): readonly string[] | null;
  readFile(
    name: string,
    path: string,
    options?: { readonly type?: RepositoryType },
  ): Promise<Uint8Array | null>;
  isPrivate(name: string, type?: RepositoryType): boolean | null;
  rename(from: string, to: string, type?: RepositoryType): void;
}

/** Starts the Hub with Jobs, on one origin: loopback, port 0. Closing it ends running jobs. */
export async function startHubTwin(options: HubTwinOptions = {}): Promise<HubTwin> {
  const clock = options.clock ?? machineClock();
  const accounts = new HubAccounts(options.accounts ?? [DEFAULT_ACCOUNT]);
  const state = new HubState({ accounts, clock, ...(options.folder ? { folder: options.folder } : {}) });
  const addRepository = (seed: HubSeed) => addSeed(state, seed);
  for (const seed of options.repositories ?? []) addRepository(seed);
  const { execute, script = DEFAULT_SCRIPT, flavors = defaultFlavors() } = options.jobs ?? {};
  const service = new JobsService({
    hub: state,
    clock,
    flavors,
    runner: execute ? executeRunner(execute === true ? {} : execute) : scriptedRunner(script),
  });
  const app = hubApp(state);
  addDocumentRoutes(app, { papers: options.papers ?? [], docs: options.docs ?? [] });
  addJobsRoutes(app, service, clock);
  addScheduledJobsRoutes(app, service);
  const twin = await startTwin("Hub", app, { ...options, clock });
  service.hubUrl = twin.url;
  for (const token of accounts.tokens) twin.secrets.add(token);
  const byId = (id: string) => service.jobs.find((job) => job.id === id);

  return {
    ...twin,
    token: accounts.tokens[0] ?? "",
    jobs: {
      get all() {
        return service.jobs;
      },
      script(next) {
        service.runner = scriptedRunner(next);
      },
      cancel(id, reason) {
        const job = byId(id);
        if (job) service.cancel(job, reason);
      },
      costUsd(id) {
        const job = byId(id);
        return job ? service.costMicroUsd(job) / 1e6 : 0;
      },
    },
    addRepository,
    files(name, { type = "model", revision = "main" } = {}) {
      const record = state.find(type, name);
      if (!record) return null;
      const oid = record.branches[revision] ?? record.tags[revision] ?? revision;
      return Object.keys(record.commits.find((commit) => commit.oid === oid)?.files ?? {}).sort();
    },
    async readFile(name, path, { type = "model" } = {}) {
      const record = state.find(type, name);
      const file = record?.commits.find((commit) => commit.oid === record.branches.main)?.files[path];
      return file ? await state.blobs.read(file.sha256) : null;
    },
    isPrivate: (name, type = "model") => state.find(type, name)?.isPrivate ?? null,
    rename(from, to, type = "model") {
      const record = state.find(type, from);
      if (record) state.rename(record, to);
    },
    async close() {
      await service.close();
      await twin.close();
    },
  };
}

function addSeed(state: HubState, seed: HubSeed): void {
  const type = seed.type ?? "model";
  if (seed.viewer) state.viewerRows.set(seed.name, seed.viewer);
  if (state.find(type, seed.name)) return;
  const author = seed.name.slice(0, seed.name.indexOf("/"));
  const record = state.create({ type, name: seed.name, isPrivate: seed.isPrivate ?? false, author });
  record.gated = seed.gated ?? false;
  record.admitted.push(...(seed.admitted ?? []));
  record.isDisabled = seed.isDisabled ?? false;
  record.downloads = seed.downloads ?? 0;
  record.likes = seed.likes ?? 0;
  record.facts = { ...seed.facts };
  if (seed.files) state.commitFiles(record, seed.files, { title: "Upload files" });
  state.save();
}
