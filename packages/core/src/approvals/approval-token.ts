import { createHmac, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { Approval } from "./approval.ts";

const VERSION = "mo1";
const MAX_TOKEN_CHARACTERS = 4096;

const payloadSchema = z.object({ id: z.string(), hash: z.string(), expiresAtMs: z.number() });

/** The question that a token may answer, and until when. */
export type ApprovalTokenPayload = z.infer<typeof payloadSchema>;

/** `mo1.<payload>.<HMAC-SHA256>`, safe in an address: whoever holds it may answer this one question, once. */
export function signApprovalToken(payload: ApprovalTokenPayload, key: string): string {
  const body = `${VERSION}.${Buffer.from(JSON.stringify(payload)).toString("base64url")}`;
  return `${body}.${signature(body, key).toString("base64url")}`;
}

/**
 * What a token is for, when its signature is ours and its time has not run out.
 * @throws ModelOpsError `approval/token-invalid`, `approval/token-expired`
 */
export function readApprovalToken(token: string, key: string, nowMs: number): ApprovalTokenPayload {
  if (token.length > MAX_TOKEN_CHARACTERS) throw invalidToken("It is too long.");
  const [version, payload, given, ...rest] = token.trim().split(".");
  if (version !== VERSION || !payload || !given || rest.length > 0)
    throw invalidToken("It has not the form of one.");
  const expected = signature(`${version}.${payload}`, key);
  const signed = Buffer.from(given, "base64url");
  if (signed.length !== expected.length || !timingSafeEqual(signed, expected))
    throw invalidToken("Its signature is not that of this installation.");
  const parsed = payloadSchema.parse(JSON.parse(Buffer.from(payload, "base64url").toString("utf8")));
  if (nowMs < parsed.expiresAtMs) return parsed;
  throw new ModelOpsError({
    code: "approval/token-expired",
    message: `The token for the approval ${parsed.id} has expired.`,
    reason: `It was good until ${new Date(parsed.expiresAtMs).toISOString()}.`,
    fix: "make another one with approvals.token(id), or answer with approvals.approve or approvals.deny.",
    details: { approvalId: parsed.id },
  });
}

/** A token is for one price: should the question have become another one, it opens nothing. */
export function requireSameQuestion(payload: ApprovalTokenPayload, approval: Approval): void {
  if (payload.hash !== approval.hash) throw invalidToken("It was made for another quote.");
}

function signature(text: string, key: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function invalidToken(reason: string): ModelOpsError {
  return new ModelOpsError({
    code: "approval/token-invalid",
    message: "This is no approval token of this installation.",
    reason,
    fix: "use the token as approvals.token(id) gave it, with the same home folder or tokenKey.",
  });
}
