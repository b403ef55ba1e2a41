import { z } from "zod";
import { parseOrThrow } from "../errors/from-zod.ts";
import { Secret } from "../model/secret.ts";
import { type Clock, systemClock } from "../time/clock.ts";
import { type HubCache, memoryHubCache } from "./hub-cache.ts";
import { defaultHubUrl, requireCommit, requireRepositoryId } from "./hub-connection.ts";
import {
  type HubDataset,
  type HubDocument,
  type HubModel,
  type HubPaper,
  type HubSpace,
  type RepositoryKind,
  toDocument,
  toModel,
  toPaper,
  toRepository,
  toSpace,
} from "./hub-items.ts";
import { type HubPages, hubPages } from "./hub-pages.ts";
import { HubReader } from "./hub-reader.ts";
import {
  type DocSearch,
  datasetSearchSchema,
  docSearchSchema,
  type ModelSearch,
  modelSearchSchema,
  type PaperSearch,
  paperSearchSchema,
  type RepositorySearch,
  repositoryQuery,
  spaceSearchSchema,
} from "./hub-search.ts";
import { docsSchema, papersSchema, repositorySchema, type WireRepository } from "./hub-wire.ts";
import { type RepoDetails, readRepoDetails } from "./repo-details.ts";
import { saveTokenizer } from "./tokenizer-files.ts";

const TEN_MINUTES_MS = 600_000;
const COMMON_FIELDS = [
  "author",
  "cardData",
  "createdAt",
  "disabled",
  "downloads",
  "gated",
  "lastModified",
  "likes",
  "private",
  "tags",
];

export const hubOptionsSchema = z.strictObject({
  token: z.string().min(1).optional(),
  hubUrl: z.url({ protocol: /^https?$/ }).optional(),
  cache: z
    .custom<HubCache>(
      (value) =>
        typeof (value as HubCache | undefined)?.get === "function" &&
        typeof (value as HubCache | undefined)?.set === "function",
      "must have get and set, as a Keyv has",
    )
    .optional(),
  maxAgeMs: z.number().nonnegative().optional(),
  timeoutMs: z.number().positive().optional(),
});

export interface HubOptions {
  /** For private and gated repositories. Default: `HF_TOKEN`. */
  readonly token?: string;
  /** Default: `HF_ENDPOINT`, else the public Hub. */
  readonly hubUrl?: string;
  /** Where answers are kept, such as a Keyv over SQLite. Default: this process's memory. */
  readonly cache?: HubCache;
  /** How long answers are used again. @default 600000 (10 minutes) */
  readonly maxAgeMs?: number;
  /** Of one request. @default 30000 */
  readonly timeoutMs?: number;
}

interface CallOptions {
  readonly signal?: AbortSignal;
}

/** Finding models, datasets, Spaces, papers and documentation on the Hugging Face Hub. Reads only. */
export interface Hub {
  searchModels(search?: ModelSearch, options?: CallOptions): HubPages<HubModel>;
  searchDatasets(search?: RepositorySearch, options?: CallOptions): HubPages<HubDataset>;
  searchSpaces(search?: RepositorySearch, options?: CallOptions): HubPages<HubSpace>;
  searchPapers(search: PaperSearch, options?: CallOptions): HubPages<HubPaper>;
  searchDocs(search: DocSearch, options?: CallOptions): HubPages<HubDocument>;
  /**
   * Everything the Hub says about one repository, and for a model what its configuration says. Rejects with
   * `hub/not-found` (also for a private one), `hub/disabled`, `hub/no-access`; a gated model is described, with
   * `model.canRead: false` when this token may not load it.
   */
  repoDetails(
    id: string,
    options?: CallOptions & {
      /** @default "model" */
      readonly kind?: RepositoryKind;
      /** @default the newest commit */
      readonly revision?: string | null;
    },
  ): Promise<RepoDetails>;
  /**
   * Saves `tokenizer.json` of a model at a commit below `folder`, once, and gives the folder it lies in. Rejects with
   * `hub/not-found`, `hub/file-too-large` (more than 64 MiB) and what else `hub/…` says.
   */
  saveTokenizer(
    id: string,
    options: CallOptions & { readonly revision: string; readonly folder: string },
  ): Promise<string>;
}

/**
 * The Hub for discovery. Answers are kept for ten minutes; reads are repeated when the Hub is busy.
 * @throws ModelOpsError `config/hub` for options that are not valid; searches throw `input/hub-search`
 */
export function createHub(
  options: HubOptions = {},
  parts: { readonly clock?: Clock; readonly fetch?: typeof globalThis.fetch } = {},
): Hub {
  const settings = parseOrThrow(hubOptionsSchema, options, {
    code: "config/hub",
    subject: "The options of createHub()",
  });
  const given = settings.token ?? process.env.HF_TOKEN;
  const token = given === undefined || given === "" ? null : new Secret(given);
  const hubUrl = (settings.hubUrl ?? defaultHubUrl()).replace(/\/+$/, "");
  const fetch = parts.fetch ?? globalThis.fetch;
  const timeoutMs = settings.timeoutMs ?? 30_000;
  const reader = new HubReader({
    hubUrl,
    token: token?.reveal() ?? null,
    fetch,
    clock: parts.clock ?? systemClock,
    cache: settings.cache ?? memoryHubCache(),
    maxAgeMs: settings.maxAgeMs ?? TEN_MINUTES_MS,
    timeoutMs,
  });
  const connection = {
    hubUrl,
    fetch,
    // Revealed when it is used: the object may be inspected or printed.
    get token() {
      return token?.reveal() ?? "";
    },
  };

  const checked = <Schema extends z.ZodType>(schema: Schema, search: unknown): z.output<Schema> =>
    parseOrThrow(schema, search, { code: "input/hub-search", subject: "The search" });

  const list = <Wire extends z.ZodType, Item>(
    path: string,
    query: URLSearchParams,
    schema: Wire,
    toItems: (wire: z.output<Wire>) => readonly Item[],
    { signal }: CallOptions,
  ): HubPages<Item> =>
    hubPages(async (cursor) => {
      const asked = new URLSearchParams(query);
      if (cursor !== null) asked.set("cursor", cursor);
      const read = await reader.read({
        path: `${path}?${asked}`,
        schema,
        subject: "search",
        ...(signal ? { signal } : {}),
      });
      return { items: toItems(read.value), cursor: read.cursor };
    });

  const repositories = <Item>(
    kind: RepositoryKind,
    query: URLSearchParams,
    toItem: (wire: WireRepository) => Item,
    callOptions: CallOptions,
  ): HubPages<Item> =>
    list(
      `/api/${kind}s`,
      query,
      z.array(repositorySchema),
      (wires) => wires.filter((wire) => wire.disabled !== true).map(toItem),
      callOptions,
    );

  return {
    searchModels(search = {}, callOptions = {}) {
      const fields = [...COMMON_FIELDS, "config", "library_name", "pipeline_tag", "safetensors"];
      const query = repositoryQuery(checked(modelSearchSchema, search), fields);
      return repositories("model", query, (wire) => toModel(wire, hubUrl), callOptions);
    },
    searchDatasets(search = {}, callOptions = {}) {
      const query = repositoryQuery(checked(datasetSearchSchema, search), COMMON_FIELDS);
      return repositories("dataset", query, (wire) => toRepository(wire, "dataset", hubUrl), callOptions);
    },
    searchSpaces(search = {}, callOptions = {}) {
      // Spaces have neither gates nor downloads to ask for.
      const fields = COMMON_FIELDS.filter((field) => field !== "gated" && field !== "downloads");
      const query = repositoryQuery(checked(spaceSearchSchema, search), [...fields, "sdk"]);
      return repositories("space", query, (wire) => toSpace(wire, hubUrl), callOptions);
    },
    searchPapers(search, callOptions = {}) {
      const { search: q, pageSize = 20 } = checked(paperSearchSchema, search);
      const query = new URLSearchParams({ q, limit: String(pageSize) });
      const toItems = (found: z.output<typeof papersSchema>) => found.map((paper) => toPaper(paper, hubUrl));
      return list("/api/papers/search", query, papersSchema, toItems, callOptions);
    },
    searchDocs(search, callOptions = {}) {
      const { search: q, product, pageSize = 10 } = checked(docSearchSchema, search);
      const query = new URLSearchParams({ q, limit: String(pageSize), ...(product ? { product } : {}) });
      const toItems = (found: z.output<typeof docsSchema>) => found.map((doc) => toDocument(doc, hubUrl));
      return list("/api/docs/search", query, docsSchema, toItems, callOptions);
    },
    async repoDetails(id, { kind = "model", revision = null, signal } = {}) {
      requireRepositoryId(id, `The ${kind}`);
      const details = { id, kind, revision, ...(signal ? { signal } : {}) };
      return await readRepoDetails(reader, connection, details);
    },
    async saveTokenizer(id, { revision, folder, signal }) {
      requireRepositoryId(id, "The model");
      const wanted = { id, revision: requireCommit(revision), folder, timeoutMs };
      return await saveTokenizer(connection, { ...wanted, ...(signal ? { signal } : {}) });
    },
  };
}
