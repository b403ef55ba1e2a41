import type { ChatModel, Router } from "@modelops/core";

export interface SupportRequest {
  readonly id: string;
  readonly text: string;
  readonly expected: string;
}

export interface CallSummary {
  readonly sharePct: number;
  readonly sessions: number;
  /** What each version answered, by version. */
  readonly versions: Readonly<Record<string, VersionSummary>>;
  /** Session key → version: the same session must stay where it is while the share rises. */
  readonly assigned: ReadonlyMap<string, string>;
}

export interface VersionSummary {
  readonly calls: number;
  readonly exact: number;
}

/**
 * Sends one session per request through the router to the models that serve, as a host would, and judges each answer.
 * The router decides, calls, and counts the outcome for the arm that was assigned.
 */
export async function sendRealCalls(options: {
  readonly router: Router;
  readonly agent: string;
  readonly models: Readonly<Record<string, ChatModel>>;
  readonly requests: readonly SupportRequest[];
  readonly signal?: AbortSignal;
}): Promise<CallSummary> {
  const { router, agent, requests, signal } = options;
  const expectedByPrompt = new Map(requests.map((request) => [request.text, request.expected]));
  const routed = router.wrap({
    agent,
    models: options.models,
    judge: (result, request) => {
      const isExact = result.text === expectedByPrompt.get(request.messages.at(-1)?.content ?? "");
      // An answer that is not the expected call did not do what it was for.
      return { ok: isExact, score: isExact ? 1 : 0 };
    },
  });
  const versions: Record<string, { calls: number; exact: number }> = {};
  const assigned = new Map<string, string>();
  let sharePct = 0;
  for (const request of requests) {
    signal?.throwIfAborted();
    const sessionKey = `session-${request.id}`;
    const result = await routed.generate(
      { messages: [{ role: "user", content: request.text }], temperature: 0, maxOutputTokens: 64 },
      { sessionKey, signal },
    );
    const { decision } = result;
    sharePct = decision.sharePct;
    assigned.set(sessionKey, decision.version);
    const version = versions[decision.version] ?? { calls: 0, exact: 0 };
    versions[decision.version] = version;
    version.calls += 1;
    if (result.text === request.expected) version.exact += 1;
  }
  await router.flush();
  return { sharePct, sessions: requests.length, versions, assigned };
}
