import type { Context, Hono } from "hono";
import { avatarOf, stableId } from "./hub-accounts.ts";
import { page } from "./paging.ts";

/** A paper that a Hub twin knows. */
export interface HubPaperSeed {
  /** Its arXiv number. */
  readonly id: string;
  readonly title: string;
  readonly summary?: string;
  readonly authors?: readonly string[];
  readonly publishedAt?: string;
  readonly upvotes?: number;
  readonly githubRepo?: string;
}

/** A passage of documentation that a Hub twin knows. */
export interface HubDocSeed {
  readonly product: string;
  readonly title: string;
  readonly headings?: readonly string[];
  readonly text: string;
  /** Address of the page. */
  readonly url: string;
}

/** Papers and documentation: found when every word of the question stands in them. */
export function addDocumentRoutes(
  app: Hono,
  seeds: { readonly papers: readonly HubPaperSeed[]; readonly docs: readonly HubDocSeed[] },
): void {
  const limited = <Item>(context: Context, items: readonly Item[], maxLimit: number) =>
    page(context, items, { defaultLimit: maxLimit, maxLimit, hubUrl: "" }).items;
  app.get("/api/papers/search", (context) => {
    const wanted = wordsOf(context.req.query("q"));
    const found = seeds.papers.filter(({ id, title, summary = "" }) =>
      holds(`${id} ${title} ${summary}`, wanted),
    );
    return context.json(limited(context, found, 120).map((paper) => ({ paper: wirePaper(paper) })));
  });
  app.get("/api/daily_papers", (context) =>
    context.json(limited(context, seeds.papers, 100).map(wireDailyPaper)),
  );
  app.get("/api/docs/search", (context) => {
    const { q = "", product } = context.req.query();
    if (q.length > 250) return context.json({ error: "q must be at most 250 characters" }, 400);
    const wanted = wordsOf(q);
    const found = seeds.docs.filter(
      (doc) =>
        (product === undefined || doc.product === product) &&
        holds(`${doc.title} ${(doc.headings ?? []).join(" ")} ${doc.text}`, wanted),
    );
    return context.json(limited(context, found, 25).map(wireDoc));
  });
  app.get("/api/docs/search/full-text", (context) => {
    const wanted = wordsOf(context.req.query("q"));
    const found = seeds.docs.filter((doc) => holds(doc.text, wanted));
    return context.json({
      hits: found.map((doc) => ({ url: doc.url, hierarchy_lvl0: doc.product, content: doc.text })),
    });
  });
}

function wirePaper(seed: HubPaperSeed): Record<string, unknown> {
  const { authors = [], summary = "", upvotes = 0, ...paper } = seed;
  return {
    ...paper,
    summary,
    upvotes,
    discussionId: stableId(`discussion:${seed.id}`),
    authors: authors.map((name) => ({ _id: stableId(name), name, hidden: false })),
  };
}

const SUBMITTER = {
  _id: stableId("reader"),
  name: "reader",
  fullname: "reader",
  avatarUrl: avatarOf("reader"),
  isPro: false,
  type: "user",
};

function wireDailyPaper(seed: HubPaperSeed): Record<string, unknown> {
  const publishedAt = new Date(seed.publishedAt ?? "2026-01-01").toISOString();
  return {
    paper: { ...wirePaper(seed), publishedAt },
    title: seed.title,
    summary: seed.summary ?? "",
    publishedAt,
    thumbnail: `/thumbnails/papers/${seed.id}.png`,
    numComments: 0,
    submittedBy: SUBMITTER,
    isAuthorParticipating: false,
  };
}

function wireDoc(doc: HubDocSeed): Record<string, unknown> {
  const headings = Object.fromEntries(
    (doc.headings ?? [doc.title]).slice(0, 5).map((heading, level) => [`heading${level + 1}`, heading]),
  );
  return {
    id: stableId(doc.url),
    _vectors: { embeddings: [] },
    product: doc.product,
    text: doc.text,
    source_page_url: doc.url,
    source_page_title: doc.title,
    ...headings,
  };
}

function wordsOf(text: string | undefined): readonly string[] {
  return (text ?? "").toLowerCase().split(/\s+/).filter(Boolean);
}

function holds(text: string, words: readonly string[]): boolean {
  const lower = text.toLowerCase();
  return words.every((word) => lower.includes(word));
}
