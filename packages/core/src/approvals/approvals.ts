import { createHash } from "node:crypto";
import { z } from "zod";
import { parseOrThrow } from "../errors/from-zod.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { EventSource, type EventSubscriptions } from "../events/event-source.ts";
import { Secret } from "../model/secret.ts";
import { changeRecord, type RecordChange } from "../records/change-record.ts";
import { newEvent, type Runtime } from "../runtime.ts";
import { isoTime } from "../time/clock.ts";
import { type Approval, type ApprovalEvents, approvalSchema } from "./approval.ts";
import { readApprovalToken, requireSameQuestion, signApprovalToken } from "./approval-token.ts";
import { loadTokenKey } from "./token-key.ts";

const DEFAULT_EXPIRES_AFTER_MS = 24 * 60 * 60_000;
const POLL_MS = 500;
const MAX_LISTED = 1000;

export interface ApprovalRequest {
  readonly agent: string;
  readonly action: string;
  readonly subject: string;
  readonly hash: string;
  readonly summary: string;
  readonly usd: number | null;
}

/** A person's answer. `by` is a name the host vouches for; what a model writes is no answer. */
export interface ApprovalDecision {
  readonly by: string;
  readonly reason?: string;
}

const optionsSchema = z.strictObject({
  expiresAfterMs: z.number().positive().default(DEFAULT_EXPIRES_AFTER_MS),
  tokenKey: z.string().min(32, "must have at least 32 characters").optional(),
});

/** Options of {@link Approvals}. */
export interface ApprovalsOptions {
  /** How long a question waits for its answer, and an answer for its use. @default 86400000 (a day) */
  readonly expiresAfterMs?: number;
  /**
   * Signs tokens for remote channels. Hosts that shall take each other's tokens share one; at least 32 characters.
   * @default a random key, kept in `<home>/approval-key`
   */
  readonly tokenKey?: string;
}

/**
 * A durable inbox of questions to people. Each is bound to the hash of a quote, expires, and can be used once, by one
 * run; a restarted process finds it as it was.
 */
export class Approvals {
  readonly #runtime: Runtime;
  readonly #expiresAfterMs: number;
  readonly #tokenKey: Secret | null;
  readonly #events: EventSource<ApprovalEvents>;

  constructor(runtime: Runtime, options: ApprovalsOptions = {}) {
    this.#runtime = runtime;
    const { expiresAfterMs, tokenKey } = parseOrThrow(optionsSchema, options, {
      code: "config/approvals",
      subject: "The options of approvals",
    });
    this.#expiresAfterMs = expiresAfterMs;
    this.#tokenKey = tokenKey === undefined ? null : new Secret(tokenKey);
    this.#events = new EventSource({ onListenerError: runtime.onListenerError });
  }

  /** Subscriptions to `approval.*` events of this process. */
  get events(): EventSubscriptions<ApprovalEvents> {
    return this.#events;
  }

  /** Asks. The same question while it is open, or answered and unused, is the same approval. */
  async request(request: ApprovalRequest): Promise<Approval> {
    const open = await this.find(request);
    if (open) return open;
    const now = this.#runtime.clock.now();
    const approval: Approval = {
      ...request,
      id: `apr_${this.#runtime.generateId()}`,
      status: "pending",
      requestedAt: new Date(now).toISOString(),
      expiresAt: new Date(now + this.#expiresAfterMs).toISOString(),
      decidedAt: null,
      decidedBy: null,
      reason: null,
      usedBy: null,
    };
    return await this.#write(approval.agent, approval.id, () => approval, "approval.requested");
  }

  /** The open approval for a question: pending, or approved and not used yet. */
  async find(
    request: Pick<ApprovalRequest, "agent" | "action" | "subject" | "hash">,
  ): Promise<Approval | null> {
    const found = await this.#list({ agent: request.agent, terms: [`question:${questionKey(request)}`] });
    return found.find((approval) => approval.status === "pending" || approval.status === "approved") ?? null;
  }

  /** Questions that wait for an answer, oldest first. */
  async pending(options: { readonly agent?: string } = {}): Promise<readonly Approval[]> {
    const found = await this.#list({ agent: options.agent, terms: ["status:pending"] });
    return found.filter((approval) => approval.status === "pending");
  }

  /** @throws ModelOpsError `approval/not-found` */
  async get(id: string): Promise<Approval> {
    const [found] = await this.#list({ terms: [`id:${id}`] });
    if (found) return found;
    throw new ModelOpsError({
      code: "approval/not-found",
      message: `There is no approval ${id.slice(0, 80)}.`,
      fix: "list the open ones with approvals.pending().",
    });
  }

  /** Says yes. Repeating it is calm; an answer that was given cannot be turned round. */
  async approve(id: string, decision: ApprovalDecision): Promise<Approval> {
    return await this.#decide(id, "approved", decision);
  }

  /** Says no. A refusal is a normal outcome: do not ask again without a new reason. */
  async deny(id: string, decision: ApprovalDecision): Promise<Approval> {
    return await this.#decide(id, "denied", decision);
  }

  /**
   * A token for a remote channel (a link in a mail, a button in a chat): its bearer may answer this one question, once,
   * until it expires. It holds no answer, and survives a restart. Give it to people only: a model that holds it could
   * approve by itself.
   * @throws ModelOpsError `approval/not-found`, or the state of a question that is closed
   */
  async token(id: string, options: { readonly expiresAfterMs?: number } = {}): Promise<string> {
    const approval = await this.get(id);
    if (approval.status !== "pending")
      throw unusable(approval, `is already ${approval.status}`, approval.status);
    const until = this.#runtime.clock.now() + (options.expiresAfterMs ?? this.#expiresAfterMs);
    const expiresAtMs = Math.min(until, Date.parse(approval.expiresAt));
    return signApprovalToken({ id, hash: approval.hash, expiresAtMs }, await this.#key());
  }

  /**
   * Answers the question that a token is for. The first answer counts, whichever way it came: a token opens nothing
   * twice.
   * @throws ModelOpsError `approval/token-invalid`, `approval/token-expired`, `approval/token-used`
   */
  async redeem(
    token: string,
    decision: ApprovalDecision & { readonly approved: boolean },
  ): Promise<Approval> {
    const { approved, ...rest } = decision;
    const payload = readApprovalToken(token, await this.#key(), this.#runtime.clock.now());
    requireSameQuestion(payload, await this.get(payload.id));
    return await this.#decide(payload.id, approved === true ? "approved" : "denied", rest, { isFirst: true });
  }

  /**
   * Uses an approval up, at the moment the action starts. The same user may claim again (it was interrupted); nobody
   * else may.
   * @throws ModelOpsError `approval/denied`, `approval/expired`, `approval/used`, `approval/pending`, `approval/mismatch`
   */
  async claim(id: string, claim: { readonly hash: string; readonly usedBy: string }): Promise<Approval> {
    const approval = await this.get(id);
    return await this.#write(
      approval.agent,
      id,
      (current) => {
        if (!current) throw unusable(approval, "is gone");
        if (current.hash !== claim.hash) throw unusable(current, "was given for another quote", "mismatch");
        if (current.status === "used" && current.usedBy === claim.usedBy) return null;
        const status = this.#withExpiry(current).status;
        if (status !== "approved") throw unusable(current, `is ${status}`, status);
        return { ...current, status: "used", usedBy: claim.usedBy };
      },
      "approval.used",
    );
  }

  /** Waits for the answer. Ending the wait changes nothing. */
  async wait(id: string, options: { readonly signal?: AbortSignal } = {}): Promise<Approval> {
    for (;;) {
      const approval = await this.get(id);
      if (approval.status !== "pending") return approval;
      await this.#runtime.clock.sleep(POLL_MS, { signal: options.signal, keepAlive: true });
    }
  }

  async #key(): Promise<string> {
    return this.#tokenKey?.reveal() ?? (await loadTokenKey(this.#runtime.home));
  }

  async #decide(
    id: string,
    status: "approved" | "denied",
    decision: ApprovalDecision,
    { isFirst = false } = {},
  ): Promise<Approval> {
    const { agent } = await this.get(id);
    return await this.#write(
      agent,
      id,
      (current) => {
        if (!current) return null;
        const known = this.#withExpiry(current);
        if (isFirst && known.status !== "pending" && known.status !== "expired")
          throw unusable(known, "has been answered already", "token-used");
        if (known.status === status) return null;
        if (known.status !== "pending") throw unusable(known, `is already ${known.status}`, known.status);
        return {
          ...known,
          status,
          decidedAt: isoTime(this.#runtime.clock),
          decidedBy: decision.by,
          reason: decision.reason ?? null,
        };
      },
      `approval.${status}`,
    );
  }

  async #write(
    agent: string,
    id: string,
    change: (current: Approval | null) => Approval | null,
    type: keyof ApprovalEvents,
  ): Promise<Approval> {
    const { store, clock, actor } = this.#runtime;
    let written: Approval | null = null;
    const { events } = await changeRecord({
      store,
      clock,
      collection: "approvals",
      agent,
      key: id,
      change: (value): RecordChange | null => {
        const current = value === null ? null : approvalSchema.parse(value);
        const next = change(current);
        written = next ?? current;
        if (!next) return null;
        return {
          value: next,
          order: next.requestedAt,
          terms: [`status:${next.status}`, `id:${next.id}`, `question:${questionKey(next)}`],
          events: [newEvent(this.#runtime, { type, agent, subject: next.subject, data: { approval: next } })],
          audit: [
            {
              action: type,
              actor,
              subject: next.subject,
              evidence: { approvalId: next.id, hash: next.hash, by: next.decidedBy },
            },
          ],
        };
      },
    });
    for (const event of events) this.#events.publish(event);
    return written ?? (await this.get(id));
  }

  async #list(request: { readonly agent?: string; readonly terms: readonly string[] }): Promise<Approval[]> {
    const page = await this.#runtime.store.list({ collection: "approvals", ...request, limit: MAX_LISTED });
    return page.records.map((record) => this.#withExpiry(approvalSchema.parse(record.value)));
  }

  #withExpiry(approval: Approval): Approval {
    const isOpen = approval.status === "pending" || approval.status === "approved";
    const isOver = this.#runtime.clock.now() >= Date.parse(approval.expiresAt);
    return isOpen && isOver ? { ...approval, status: "expired" } : approval;
  }
}

function questionKey(request: Pick<ApprovalRequest, "action" | "subject" | "hash">): string {
  return createHash("sha256")
    .update(`${request.action}\n${request.subject}\n${request.hash}`)
    .digest("hex")
    .slice(0, 32);
}

const FIXES: Readonly<Record<string, string>> = {
  denied: "do not retry; ask the person what should change.",
  "token-used": "nothing is left to answer: see approvals.get(id) for what was said.",
};

function unusable(approval: Approval, what: string, slug = "not-found"): ModelOpsError {
  return new ModelOpsError({
    code: `approval/${slug}`,
    message: `The approval ${approval.id} ${what}.`,
    reason: approval.reason ? `The reason given: ${approval.reason.slice(0, 300)}` : undefined,
    fix: FIXES[slug] ?? "make a new plan and ask for its approval.",
    details: { approvalId: approval.id, status: approval.status },
  });
}
