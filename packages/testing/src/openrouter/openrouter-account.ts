import type { OpenRouterFailure } from "./openrouter-error.ts";

/** An API key the twin knows. */
export interface OpenRouterKey {
  readonly key: string;
  /** What it may spend in all; null = no limit. @default null */
  readonly limitUsd?: number | null;
  readonly isDisabled?: boolean;
  /** May read the account's credits. @default true */
  readonly isManagementKey?: boolean;
}

interface KnownKey {
  readonly settings: OpenRouterKey;
  usedUsd: number;
}

/** The money of an account: its credits, and what each key has spent. */
export class OpenRouterAccount {
  readonly #keys: ReadonlyMap<string, KnownKey> | null;
  readonly #anyKey: KnownKey = { settings: { key: "any" }, usedUsd: 0 };
  #creditsUsd: number;
  #usedUsd = 0;

  /** Without keys every key is accepted. */
  constructor(keys: readonly OpenRouterKey[] | undefined, creditsUsd: number) {
    this.#keys = keys ? new Map(keys.map((settings) => [settings.key, { settings, usedUsd: 0 }])) : null;
    this.#creditsUsd = creditsUsd;
  }

  setCredits(creditsUsd: number): void {
    this.#creditsUsd = creditsUsd;
  }

  get remainingUsd(): number {
    return this.#creditsUsd - this.#usedUsd;
  }

  /** The key of a request, or why it is refused. */
  authenticate(
    header: string | undefined,
  ): { readonly key: KnownKey } | { readonly failure: OpenRouterFailure } {
    const given = /^Bearer\s+(\S+)$/i.exec(header ?? "")?.[1];
    if (given === undefined) return { failure: { status: 401, message: "No auth credentials found" } };
    const key = this.#keys === null ? this.#anyKey : this.#keys.get(given);
    if (!key || key.settings.isDisabled) return { failure: { status: 401, message: "User not found." } };
    return { key };
  }

  /** Why a paid request is refused; null when it may go on. */
  refusal(key: KnownKey): OpenRouterFailure | null {
    const { limitUsd = null } = key.settings;
    if (limitUsd !== null && key.usedUsd >= limitUsd) {
      return {
        status: 403,
        message: "Key limit exceeded (total limit).",
        errorType: "permission_denied",
        metadata: { limit_source: "openrouter_key_limit" },
      };
    }
    if (this.remainingUsd <= 0) {
      return {
        status: 402,
        message: "Insufficient credits. Add more using https://openrouter.ai/settings/credits",
        errorType: "payment_required",
      };
    }
    return null;
  }

  charge(key: KnownKey, usd: number): void {
    key.usedUsd = exact(key.usedUsd + usd);
    this.#usedUsd = exact(this.#usedUsd + usd);
  }

  keyBody(key: KnownKey): object {
    const { limitUsd = null, isManagementKey = true } = key.settings;
    const used = key.usedUsd;
    return {
      data: {
        label: `${key.settings.key.slice(0, 8)}...`,
        limit: limitUsd,
        limit_remaining: limitUsd === null ? null : exact(Math.max(0, limitUsd - used)),
        limit_reset: null,
        usage: used,
        usage_daily: used,
        usage_weekly: used,
        usage_monthly: used,
        byok_usage: 0,
        byok_usage_daily: 0,
        byok_usage_weekly: 0,
        byok_usage_monthly: 0,
        include_byok_in_limit: false,
        is_free_tier: false,
        is_management_key: isManagementKey,
        is_provisioning_key: isManagementKey,
        allowed_data_regions: [],
        creator_user_id: null,
        organization_id: null,
        workspace_id: null,
        free_model_daily_requests: { limit: 50, used: 0, remaining: 50 },
        rate_limit: { requests: -1, interval: "10s", note: "This field is deprecated and safe to ignore." },
      },
    };
  }

  creditsBody(): object {
    return { data: { total_credits: this.#creditsUsd, total_usage: this.#usedUsd } };
  }
}

/** Sums of prices without the dust of binary fractions. */
function exact(usd: number): number {
  return Number(usd.toPrecision(12));
}
