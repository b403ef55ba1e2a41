import { join, resolve } from "node:path";
import { z } from "zod";
import type { CommitResult } from "../contract/registry-store.ts";
import { parseOrThrow } from "../errors/from-zod.ts";
import type { ModelOpsEvent } from "../events/event.ts";
import { EventSource, type EventSubscriptions } from "../events/event-source.ts";
import { canonicalAgentName, isAgentName } from "../model/agent-name.ts";
import type { ModelVersion } from "../model/model-version.ts";
import type { RegistryJson } from "../model/registry-json.ts";
import { completeRuntime, type Runtime } from "../runtime.ts";
import { isoTime } from "../time/clock.ts";
import { type RegistryAudit, registryAudit } from "./audit/registry-audit.ts";
import { exportRegistry } from "./json/export-registry.ts";
import { type ImportInput, type ImportReport, importRegistry } from "./json/import-registry.ts";
import { type RegistryJsonFile, registryJsonFile } from "./json/registry-json-file.ts";
import type { Pointers } from "./lifecycle.ts";
import { promote, rollback, setCanary, setCurrent } from "./move-commands.ts";
import type { PointerMove } from "./pointer-move.ts";
import { findVersion, type RegistryContext, readState, throwUnknownVersion } from "./registry-context.ts";
import type { RegistryEvents } from "./registry-events.ts";
import {
  type AddVersionInput,
  type AgentChangeInput,
  changelogSchema,
  type LinkInput,
  type ListVersionsInput,
  type NextVersionInput,
  notesSchema,
  parseInput,
  type RollbackInput,
  type SetCanaryInput,
  type SetChangelogInput,
  type SetNotesInput,
  type TagsInput,
  tagsSchema,
  type UpdateScoresInput,
  type VersionChangeInput,
} from "./registry-inputs.ts";
import { type AgentChange, type UpdateAgentOptions, updateAgent } from "./update-agent.ts";
import { addVersion, archive, editVersion, link, nextVersion, updateScores } from "./version-commands.ts";
import {
  history,
  iterateVersions,
  lineage,
  listVersions,
  type MovePage,
  type ServingAnswer,
  type VersionLineage,
  type VersionPage,
  wasServing,
} from "./version-queries.ts";
import { type WatchInput, watchRegistry } from "./watch-registry.ts";

const DEFAULT_BACKUPS = 10;

const optionsSchema = z.strictObject({
  registryJson: z
    .union([
      z.literal(false),
      z.strictObject({
        path: z.string().min(1).optional(),
        backups: z.number().int().min(0).max(1000).optional(),
      }),
    ])
    .optional(),
});
/**
 * `registryJson`: where the export goes (default `<home>/registry.json`, 10 backups in `backups/` beside it), or
 * `false` for none.
 */
export type RegistryOptions = z.input<typeof optionsSchema>;

/** An agent's name with one of its versions. */
export interface VersionName {
  readonly agent: string;
  readonly version: string;
}

/**
 * The versions of each agent's models, who serves, and how it came to that. Every change is one durable commit with
 * its audit row; changes of other processes are seen at once. Agents are looked up by either spelling
 * (`feature-dev`, `feature_dev`).
 */
export class Registry implements EventSubscriptions<RegistryEvents> {
  /** The hash chain of all changes. */
  readonly audit: RegistryAudit;
  readonly #context: RegistryContext;
  readonly #events: EventSource<RegistryEvents>;
  readonly #file: RegistryJsonFile | null;

  /** Takes the runtime of `createModelOps`, or just `{ store, home }` to be used alone. */
  constructor(given: Pick<Runtime, "store" | "home"> & Partial<Runtime>, options: RegistryOptions = {}) {
    const runtime = completeRuntime(given);
    const { registryJson } = parseOrThrow(optionsSchema, options, {
      code: "config/registry",
      subject: "The registry's options",
    });
    const { store, clock, logger } = runtime;
    this.#events = new EventSource({ onListenerError: runtime.onListenerError });
    this.#file =
      registryJson === false
        ? null
        : registryJsonFile({
            store,
            clock,
            logger,
            path: resolve(registryJson?.path ?? join(runtime.home, "registry.json")),
            backups: registryJson?.backups ?? DEFAULT_BACKUPS,
          });
    this.#context = { runtime, store, events: this.#events, onCommit: () => this.#file?.schedule() };
    this.audit = registryAudit(store);
    void this.#file?.catchUp();
  }

  on: EventSubscriptions<RegistryEvents>["on"] = (type, listener) => this.#events.on(type, listener);
  once: EventSubscriptions<RegistryEvents>["once"] = (type, listener) => this.#events.once(type, listener);
  off: EventSubscriptions<RegistryEvents>["off"] = (type, listener) => this.#events.off(type, listener);
  onAny: EventSubscriptions<RegistryEvents>["onAny"] = (listener) => this.#events.onAny(listener);

  /**
   * Adds a version; without `version` the next free number is taken (`bump`, default minor).
   * @throws ModelOpsError `registry/version-exists`, `registry/unknown-version` (the parent), `input/registry`.
   */
  addVersion(input: AddVersionInput): Promise<ModelVersion> {
    return addVersion(this.#context, input);
  }

  /** Reserves the next version number, such as `v1.4.0`: nobody else gets it, in any process. */
  nextVersion(input: NextVersionInput): Promise<string> {
    return nextVersion(this.#context, input);
  }

  /** @throws ModelOpsError `registry/unknown-agent`, `registry/unknown-version`. */
  async getVersion(input: VersionName): Promise<ModelVersion> {
    const agent = canonicalAgentName(input.agent);
    const found = await findVersion(this.#context.store, agent, input.version);
    return found ?? throwUnknownVersion(this.#context.store, agent, input.version);
  }

  /** One page of versions, newest first, of one agent or all. */
  listVersions(input: ListVersionsInput = {}): Promise<VersionPage> {
    return listVersions(this.#context.store, input);
  }

  /** Every version that fits, newest first, read a page at a time. */
  versions(input: Omit<ListVersionsInput, "cursor"> = {}): AsyncIterable<ModelVersion> {
    return iterateVersions(this.#context.store, input);
  }

  /** Agents the registry has a record of, by name. */
  async agents(): Promise<readonly string[]> {
    return (await this.#context.store.agents()).filter(isAgentName);
  }

  /** Who serves an agent now, with the revision for `expectedRev`. */
  async pointers(input: { readonly agent: string }): Promise<Pointers & { readonly rev: number }> {
    const agent = canonicalAgentName(input.agent);
    const rev = await this.#context.store.revision(agent);
    const state = await readState(this.#context.store, agent);
    return { current: state?.current ?? null, canary: state?.canary ?? null, rev };
  }

  /** Adds scores to a version's (or replaces them with `replace`). Shares must be 0 to 1; custom numbers are kept. */
  updateScores(input: UpdateScoresInput): Promise<ModelVersion> {
    return updateScores(this.#context, input);
  }

  /** Starts a canary at 20 or 50 % of the traffic, or raises a running one. At most one per agent. */
  setCanary(input: SetCanaryInput): Promise<PointerMove> {
    return setCanary(this.#context, input);
  }

  /** Makes the canary current; the version it replaces is archived and stays the one to roll back to. */
  promote(input: AgentChangeInput): Promise<PointerMove> {
    return promote(this.#context, input);
  }

  /** Makes a version current without a canary: a baseline, a first version. */
  setCurrent(input: VersionChangeInput): Promise<PointerMove> {
    return setCurrent(this.#context, input);
  }

  /**
   * Ends a running canary; without one, goes back to the version before the current one, or to `to`.
   * @throws ModelOpsError `registry/illegal-move` with the legal moves.
   */
  rollback(input: RollbackInput): Promise<PointerMove> {
    return rollback(this.#context, input);
  }

  /** Retires a version that serves nobody. */
  archive(input: VersionChangeInput): Promise<ModelVersion> {
    return archive(this.#context, input);
  }

  async tag(input: TagsInput): Promise<ModelVersion> {
    const { tags, ...change } = parseInput(tagsSchema, input, "tag");
    return editVersion(this.#context, change, ["tags"], (version) => {
      const merged = [...new Set([...version.tags, ...tags])];
      return merged.length === version.tags.length ? null : { tags: merged };
    });
  }

  async untag(input: TagsInput): Promise<ModelVersion> {
    const { tags, ...change } = parseInput(tagsSchema, input, "untag");
    return editVersion(this.#context, change, ["tags"], (version) => {
      const left = version.tags.filter((tag) => !tags.includes(tag));
      return left.length === version.tags.length ? null : { tags: left };
    });
  }

  async setChangelog(input: SetChangelogInput): Promise<ModelVersion> {
    const { changelog, ...change } = parseInput(changelogSchema, input, "setChangelog");
    return editVersion(this.#context, change, ["changelog"], (version) =>
      version.changelog === changelog ? null : { changelog },
    );
  }

  async setNotes(input: SetNotesInput): Promise<ModelVersion> {
    const { notes, ...change } = parseInput(notesSchema, input, "setNotes");
    return editVersion(this.#context, change, ["notes"], (version) =>
      version.notes === notes ? null : { notes },
    );
  }

  /** Notes an evaluation or a deployment in a version's lineage. */
  link(input: LinkInput): Promise<ModelVersion> {
    return link(this.#context, input);
  }

  /** Parents, data, job, evaluations, deployments and moves of a version. */
  async lineage(input: VersionName): Promise<VersionLineage> {
    return lineage(this.#context.store, canonicalAgentName(input.agent), input.version);
  }

  /** Who served an agent at a moment, by the record of moves. */
  wasServing(input: { readonly agent: string; readonly at: string | Date }): Promise<ServingAnswer> {
    return wasServing(this.#context.store, input);
  }

  /** Every move of an agent's pointers with actor and reason, newest first, a page at a time. */
  history(input: {
    readonly agent: string;
    readonly limit?: number;
    readonly cursor?: string | null;
  }): Promise<MovePage> {
    return history(this.#context.store, input);
  }

  /** The whole registry in the published schema. */
  export(): Promise<RegistryJson> {
    return exportRegistry(this.#context.store, isoTime(this.#context.runtime.clock));
  }

  /** Takes over a `registry.json`, from a file or as parsed JSON, and reports what it could not place. */
  import(input: ImportInput): Promise<ImportReport> {
    return importRegistry(this.#context, input);
  }

  /** Changes of the registry from every process, within a second. */
  watch(input: WatchInput = {}): AsyncIterable<ModelOpsEvent> {
    const { store, runtime } = this.#context;
    const onOwnCommit = (listener: () => void) => this.#events.onAny(listener);
    return watchRegistry({ store, clock: runtime.clock, onOwnCommit }, input);
  }

  /**
   * For records beside the registry's own: reads the agent's revision, lets `compute` work out a commit (null =
   * nothing to do), and repeats it when another writer came in between.
   */
  async update(
    agent: string,
    compute: (view: {
      readonly agent: string;
      readonly rev: number;
    }) => Promise<Omit<AgentChange, "at"> | null>,
    options: UpdateAgentOptions = {},
  ): Promise<CommitResult | null> {
    const name = canonicalAgentName(agent);
    const { store, runtime } = this.#context;
    const withTime = async (rev: number) => {
      const change = await compute({ agent: name, rev });
      return change === null ? null : { ...change, at: isoTime(runtime.clock) };
    };
    const result = await updateAgent(store, name, withTime, options);
    for (const event of result?.events ?? []) this.#events.publish(event);
    if (result) this.#context.onCommit();
    return result;
  }

  /** Resolves when `registry.json` shows every commit made so far. */
  async flush(): Promise<void> {
    await this.#file?.flush();
  }

  /** Finishes `registry.json`. The store stays open: it belongs to whoever made it. */
  async close(): Promise<void> {
    await this.#file?.close();
  }
}
