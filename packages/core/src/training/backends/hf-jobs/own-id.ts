import { ModelOpsError } from "../../../errors/modelops-error.ts";

/** The id out of `namespace/id`; the same id under another namespace is another account's. */
export function ownId(qualified: string, namespace: string, kind: "job" | "schedule"): string {
  const [owner, id] = qualified.split("/");
  if (owner === namespace && id !== undefined && /^[\w-]+$/.test(id)) return id;
  throw new ModelOpsError({
    code: kind === "job" ? "training/job-not-found" : "training/schedule-not-found",
    message: `${JSON.stringify(qualified).slice(0, 140)} is no ${kind} of ${namespace}.`,
    reason: `A ${kind} is found under the namespace that pays for it only.`,
    fix: "make the backend with the namespace that it was submitted with.",
  });
}
