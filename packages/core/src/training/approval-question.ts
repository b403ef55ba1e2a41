import type { ApprovalRequest, Approvals } from "../approvals/approvals.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { Actor } from "../model/actor.ts";
import type { ApprovalAnswer } from "./trainer-options.ts";

/**
 * Asks a person about what will be spent, and gives the id of the approval; the question waits in the inbox where
 * nobody can be asked now.
 * @throws ModelOpsError `approval/required`, `approval/denied`
 */
export async function approvalFor(
  question: ApprovalRequest,
  options: {
    readonly approvals: Approvals;
    readonly actor: Actor;
    /** The method of the trainer that goes on after an approval. */
    readonly call: "train" | "schedule";
    readonly details: Readonly<Record<string, unknown>>;
    readonly ask: (() => ApprovalAnswer | Promise<ApprovalAnswer>) | null;
  },
): Promise<string> {
  const { approvals, actor, call } = options;
  const subject = call === "train" ? "run" : "schedule";
  const approval = await approvals.request(question);
  if (approval.status === "approved") return approval.id;
  if (!options.ask) {
    throw new ModelOpsError({
      code: "approval/required",
      message: `The ${subject} needs a person's approval: ${question.summary}`,
      fix: `approve it with approvals.approve(${JSON.stringify(approval.id)}, { by }), then call ${call} again with the same plan.`,
      details: { approvalId: approval.id, hash: question.hash, ...options.details },
    });
  }
  const answer = await options.ask();
  const decision = typeof answer === "boolean" ? { approved: answer, by: actor.id } : answer;
  if (decision?.approved === true) {
    await approvals.approve(approval.id, { by: decision.by, reason: decision.reason });
    return approval.id;
  }
  await approvals.deny(approval.id, { by: decision?.by ?? actor.id, reason: decision?.reason });
  throw new ModelOpsError({
    code: "approval/denied",
    message: `The ${subject} was not approved: ${question.summary}`,
    reason: decision?.reason,
    fix: "do not retry; ask the person what should change.",
    details: { approvalId: approval.id },
  });
}
