import { z } from "zod";

/** A request to a person: may this very action, at this very price, be carried out? */
export const approvalSchema = z.looseObject({
  id: z.string(),
  agent: z.string(),
  /** What it is for, such as `training.start`. */
  action: z.string(),
  /** A run or deployment id. */
  subject: z.string(),
  /** The quote's hash: another price or another dataset is another question. */
  hash: z.string(),
  /** What the person reads. */
  summary: z.string(),
  usd: z.number().nullable(),
  status: z.enum(["pending", "approved", "denied", "used", "expired"]),
  requestedAt: z.string(),
  expiresAt: z.string(),
  decidedAt: z.string().nullable(),
  decidedBy: z.string().nullable(),
  reason: z.string().nullable(),
  /** Who used it; it cannot be used for anything else afterwards. */
  usedBy: z.string().nullable(),
});

/** See {@link approvalSchema}. */
export type Approval = z.infer<typeof approvalSchema>;

/** Events about approvals. */
export type ApprovalEvents = {
  "approval.requested": { readonly approval: Approval };
  "approval.approved": { readonly approval: Approval };
  "approval.denied": { readonly approval: Approval };
  "approval.used": { readonly approval: Approval };
};
