import type { Context } from "hono";
import { twinOptionError } from "../twin/twin.ts";
import { HubFailure } from "./hub-failure.ts";

export interface HubToken {
  /** Must start with `hf_`, as clients insist. */
  readonly token: string;
  /** @default "write" */
  readonly role?: "read" | "write" | "fineGrained";
  /** Whether it may start and manage Jobs. @default true unless the role is `read` */
  readonly canRunJobs?: boolean;
}

/** A user with tokens, or an organisation with members. */
export interface HubAccount {
  readonly name: string;
  /** @default "user" */
  readonly type?: "user" | "org";
  readonly tokens?: readonly HubToken[];
  /** Of an organisation: user name → role. */
  readonly members?: Readonly<Record<string, "admin" | "write" | "contributor" | "read">>;
  /** Pre-paid credit in USD; Jobs need a positive balance. @default 100 */
  readonly creditUsd?: number;
}

/** Who asks, and with which rights. */
export interface HubCaller {
  readonly user: HubAccount;
  readonly token: Required<HubToken>;
}

export const DEFAULT_ACCOUNT: HubAccount = { name: "alice", tokens: [{ token: "hf_twinAlice0123456789" }] };

/** Users, organisations and tokens of a Hub twin. */
export class HubAccounts {
  readonly #accounts = new Map<string, HubAccount>();
  readonly #callers = new Map<string, HubCaller>();

  constructor(accounts: readonly HubAccount[]) {
    for (const account of accounts) {
      this.#accounts.set(account.name, account);
      for (const given of account.tokens ?? []) {
        if (!given.token.startsWith("hf_")) {
          throw twinOptionError(
            "Hub",
            `a token of ${account.name} does not start with hf_.`,
            "write hf_ before it: the clients refuse other tokens.",
          );
        }
        const role = given.role ?? "write";
        const token = { token: given.token, role, canRunJobs: given.canRunJobs ?? role !== "read" };
        this.#callers.set(given.token, { user: account, token });
      }
    }
  }

  get tokens(): readonly string[] {
    return [...this.#callers.keys()];
  }

  get(name: string): HubAccount | null {
    return this.#accounts.get(name) ?? null;
  }

  /** The caller of a request; null without a token. A token that is not known is refused. */
  callerOf(context: Context): HubCaller | null {
    const header = context.req.header("authorization");
    if (header === undefined) return null;
    const caller = this.#callers.get(header.replace(/^bearer\s+/i, ""));
    if (!caller) throw new HubFailure(401, "Invalid credentials in Authorization header");
    return caller;
  }

  /** As `callerOf`, for routes that need somebody. */
  requiredCallerOf(context: Context): HubCaller {
    const caller = this.callerOf(context);
    if (!caller) throw new HubFailure(401, "Invalid username or password.");
    return caller;
  }

  isMember(caller: HubCaller | null, namespace: string): boolean {
    if (!caller) return false;
    return caller.user.name === namespace || this.#role(caller, namespace) !== null;
  }

  canWrite(caller: HubCaller, namespace: string): boolean {
    if (caller.token.role === "read") return false;
    const role = this.#role(caller, namespace);
    return caller.user.name === namespace || (role !== null && role !== "read");
  }

  organisationsOf(user: HubAccount): readonly { readonly account: HubAccount; readonly role: string }[] {
    return [...this.#accounts.values()].flatMap((account) => {
      const role = account.members?.[user.name];
      return role === undefined ? [] : [{ account, role }];
    });
  }

  #role(caller: HubCaller, namespace: string): string | null {
    return this.#accounts.get(namespace)?.members?.[caller.user.name] ?? null;
  }
}

/** 24 lower-case hex characters that belong to a name, as the Hub's ids look. */
export function stableId(name: string): string {
  let high = 0x811c9dc5;
  let low = 0xcbf29ce4;
  for (const character of name) {
    high = Math.imul(high ^ character.charCodeAt(0), 0x01000193) >>> 0;
    low = Math.imul(low ^ high, 0x85ebca6b) >>> 0;
  }
  const third = Math.imul(high ^ low, 0xc2b2ae35) >>> 0;
  return [high, low, third].map((part) => part.toString(16).padStart(8, "0")).join("");
}

export function avatarOf(name: string): string {
  return `/avatars/${stableId(name).slice(0, 8)}.svg`;
}
