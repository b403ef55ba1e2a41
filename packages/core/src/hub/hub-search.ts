import { z } from "zod";

const tags = z.array(z.string().min(1).max(200)).max(20);
const size = z.number().positive();
const pageSize = z.int().min(1).max(500);

const repositorySearch = {
  search: z.string().max(400).optional(),
  author: z.string().max(96).optional(),
  license: z.string().max(100).optional(),
  tags: tags.optional(),
  gated: z.boolean().optional(),
  sort: z.enum(["trending", "downloads", "likes", "created", "updated"]).optional(),
  pageSize: pageSize.optional(),
};

export const modelSearchSchema = z
  .strictObject({
    ...repositorySearch,
    task: z.string().max(100).optional(),
    library: z.string().max(100).optional(),
    minParameters: size.optional(),
    maxParameters: size.optional(),
  })
  .refine((search) => (search.minParameters ?? 0) <= (search.maxParameters ?? Number.POSITIVE_INFINITY), {
    error: "must not be below minParameters",
    path: ["maxParameters"],
  });
export const datasetSearchSchema = z.strictObject(repositorySearch);
export const spaceSearchSchema = z.strictObject(repositorySearch);
export const paperSearchSchema = z.strictObject({
  search: z.string().trim().min(1).max(400),
  pageSize: z.int().min(1).max(120).optional(),
});
export const docSearchSchema = z.strictObject({
  search: z.string().trim().min(1).max(250),
  product: z.string().max(60).optional(),
  pageSize: z.int().min(1).max(25).optional(),
});

/** What to look for; everything may be left out. */
export interface RepositorySearch {
  /** Part of the name. */
  readonly search?: string;
  readonly author?: string;
  /** Such as `apache-2.0`. */
  readonly license?: string;
  /** All of them, such as `language:en` or `conversational`. */
  readonly tags?: readonly string[];
  readonly gated?: boolean;
  /** Largest or newest first. @default "trending" */
  readonly sort?: "trending" | "downloads" | "likes" | "created" | "updated";
  /** Items that one request brings, up to 500. @default 50 */
  readonly pageSize?: number;
}

export interface ModelSearch extends RepositorySearch {
  /** Such as `text-generation`. */
  readonly task?: string;
  /** Such as `transformers`. */
  readonly library?: string;
  readonly minParameters?: number;
  readonly maxParameters?: number;
}

export interface PaperSearch {
  readonly search: string;
  /** Up to 120; the Hub gives no second page. @default 20 */
  readonly pageSize?: number;
}

export interface DocSearch {
  readonly search: string;
  /** `trl`, `peft`, `transformers`, `datasets`, `hub` … */
  readonly product?: string;
  /** Up to 25; the Hub gives no second page. @default 10 */
  readonly pageSize?: number;
}

const SORTS = {
  trending: "trendingScore",
  downloads: "downloads",
  likes: "likes",
  created: "createdAt",
  updated: "lastModified",
} as const;

const DEFAULT_PAGE_SIZE = 50;

/** The query of a list of repositories. */
export function repositoryQuery(
  search: RepositorySearch & ModelSearch,
  expand: readonly string[],
): URLSearchParams {
  const query = new URLSearchParams();
  const set = (name: string, value: string | undefined) => {
    if (value !== undefined) query.set(name, value);
  };
  set("search", search.search);
  set("author", search.author);
  set("pipeline_tag", search.task);
  if (search.gated !== undefined) query.set("gated", String(search.gated));
  const license = search.license === undefined ? [] : [`license:${search.license}`];
  for (const tag of [...(search.tags ?? []), ...license]) query.append("filter", tag);
  if (search.library !== undefined) query.append("filter", search.library);
  const range = [
    ...(search.minParameters === undefined ? [] : [`min:${shortNumber(search.minParameters)}`]),
    ...(search.maxParameters === undefined ? [] : [`max:${shortNumber(search.maxParameters)}`]),
  ];
  if (range.length > 0) query.set("num_parameters", range.join(","));
  query.set("sort", SORTS[search.sort ?? "trending"]);
  query.set("limit", String(search.pageSize ?? DEFAULT_PAGE_SIZE));
  for (const field of expand) query.append("expand", field);
  return query;
}

/** 7600000000 → `7.6B`: the form that the Hub reads. */
function shortNumber(value: number): string {
  for (const [size, letter] of [
    [1e9, "B"],
    [1e6, "M"],
    [1e3, "K"],
  ] as const)
    if (value >= size) return `${Number((value / size).toFixed(3))}${letter}`;
  return String(value);
}
