import type { z } from "zod";
import type { docsSchema, papersSchema, WireRepository } from "./hub-wire.ts";

/** What every repository says about itself. Null = the Hub does not say. */
export interface HubRepository {
  /** `owner/name` */
  readonly id: string;
  readonly url: string;
  readonly author: string | null;
  readonly isPrivate: boolean;
  /** Who may read it: everybody, everybody who accepts its terms, or whom its owner admits. */
  readonly gated: false | "auto" | "manual";
  readonly downloads: number | null;
  readonly likes: number | null;
  readonly createdAt: string | null;
  readonly updatedAt: string | null;
  /** Such as `apache-2.0`; `other` when it has one of its own. */
  readonly license: string | null;
  readonly tags: readonly string[];
}

/** A model in a list. */
export interface HubModel extends HubRepository {
  readonly task: string | null;
  readonly library: string | null;
  readonly architecture: string | null;
  /** Counted in its safetensors files. */
  readonly parameters: number | null;
}

export type HubDataset = HubRepository;

export interface HubSpace extends HubRepository {
  /** `gradio`, `docker`, `static` … */
  readonly sdk: string | null;
  readonly title: string | null;
}

export interface HubPaper {
  /** Its arXiv number. */
  readonly id: string;
  readonly url: string;
  readonly title: string | null;
  readonly summary: string | null;
  readonly authors: readonly string[];
  readonly publishedAt: string | null;
  readonly upvotes: number | null;
  readonly code: string | null;
}

/** A passage of the documentation. */
export interface HubDocument {
  readonly product: string | null;
  readonly title: string | null;
  /** From the page's title down to the passage's own heading. */
  readonly headings: readonly string[];
  readonly text: string | null;
  readonly url: string | null;
}

export type RepositoryKind = "model" | "dataset" | "space";

/** Models have no folder of their own: `/owner/name`, `/datasets/owner/name`, `/spaces/owner/name`. */
export function repositoryPage(hubUrl: string, kind: RepositoryKind, id: string): string {
  return `${hubUrl}/${kind === "model" ? "" : `${kind}s/`}${id}`;
}

export function toRepository(wire: WireRepository, kind: RepositoryKind, hubUrl: string): HubRepository {
  return {
    id: wire.id,
    url: repositoryPage(hubUrl, kind, wire.id),
    author: wire.author ?? (wire.id.includes("/") ? (wire.id.split("/")[0] ?? null) : null),
    isPrivate: wire.private ?? false,
    gated: wire.gated,
    downloads: wire.downloads ?? null,
    likes: wire.likes ?? null,
    createdAt: wire.createdAt ?? null,
    updatedAt: wire.lastModified ?? null,
    license: licenseOf(wire),
    tags: wire.tags ?? [],
  };
}

export function toModel(wire: WireRepository, hubUrl: string): HubModel {
  return {
    ...toRepository(wire, "model", hubUrl),
    task: wire.pipeline_tag ?? null,
    library: wire.library_name ?? null,
    architecture: wire.config?.architectures?.[0] ?? null,
    parameters: wire.safetensors?.total ?? null,
  };
}

export function toSpace(wire: WireRepository, hubUrl: string): HubSpace {
  const { title } = wire.cardData ?? {};
  return {
    ...toRepository(wire, "space", hubUrl),
    sdk: wire.sdk ?? null,
    title: typeof title === "string" ? title : null,
  };
}

export function toPaper({ paper }: z.output<typeof papersSchema>[number], hubUrl: string): HubPaper {
  return {
    id: paper.id,
    url: `${hubUrl}/papers/${encodeURIComponent(paper.id)}`,
    title: paper.title ?? null,
    summary: paper.summary ?? null,
    authors: (paper.authors ?? []).flatMap(({ name }) => name ?? []),
    publishedAt: paper.publishedAt ?? null,
    upvotes: paper.upvotes ?? null,
    code: paper.githubRepo ?? null,
  };
}

export function toDocument(wire: z.output<typeof docsSchema>[number], hubUrl: string): HubDocument {
  const headings = [wire.heading1, wire.heading2, wire.heading3, wire.heading4, wire.heading5];
  const url = wire.source_page_url;
  return {
    product: wire.product ?? null,
    title: wire.source_page_title ?? null,
    headings: headings.flatMap((heading) => heading ?? []),
    text: wire.text ?? null,
    url: url != null && URL.canParse(url, hubUrl) ? new URL(url, hubUrl).href : null,
  };
}

/** The tag is what the Hub made of the card; a card may name several, of which the first counts. */
export function licenseOf(wire: Pick<WireRepository, "tags" | "cardData">): string | null {
  const tag = wire.tags?.find((candidate) => candidate.startsWith("license:"));
  if (tag !== undefined) return tag.slice("license:".length);
  const stated = wire.cardData?.license;
  const first = Array.isArray(stated) ? stated[0] : stated;
  return typeof first === "string" ? first : null;
}
