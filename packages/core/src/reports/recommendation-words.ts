import type { RecommendationOutcome } from "../statistics/recommend/decide.ts";

/** A recommendation as a heading, and how good the news is. */
export const RECOMMENDATION_WORDS: Readonly<
  Record<RecommendationOutcome, { readonly title: string; readonly tone: "good" | "warn" | "bad" }>
> = {
  deploy: { title: "Deploy", tone: "good" },
  deploy_canary: { title: "Deploy as a canary", tone: "good" },
  needs_review: { title: "Needs review", tone: "warn" },
  reject: { title: "Reject", tone: "bad" },
  insufficient_data: { title: "Not enough data", tone: "warn" },
};
