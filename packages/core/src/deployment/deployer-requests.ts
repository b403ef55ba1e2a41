import { z } from "zod";
import { parseOrThrow } from "../errors/from-zod.ts";
import type { DeployRequestOptions } from "./deployer-options.ts";

const text = z.string().trim().min(1);
const isFunction = (value: unknown) => typeof value === "function";
const signal = z
  .custom<AbortSignal>((value) => typeof value === "object" && value !== null && "aborted" in value)
  .optional();
const agentOption = { agent: z.string(), signal };

const what = {
  ...agentOption,
  version: text,
  target: text.optional(),
  // Its own check says more: `input/rollout-plan`.
  rollout: z.custom<DeployRequestOptions["rollout"]>(() => true).optional(),
};

const schemas = {
  plan: z.strictObject({ ...what, trafficPerHour: z.number().positive().optional() }),
  deploy: z.strictObject({
    ...what,
    approve: z.custom<DeployRequestOptions["approve"]>(isFunction, "must be a function").optional(),
    override: z.strictObject({ reason: z.string() }).optional(),
  }),
  promote: z.strictObject({ ...agentOption, to: z.number().optional(), approvedBy: text.optional() }),
  hold: z.strictObject({ ...agentOption, reason: text }),
  resume: z.strictObject({ ...agentOption, reason: text.optional() }),
  abort: z.strictObject({ ...agentOption, reason: text }),
  rollback: z.strictObject({
    ...agentOption,
    to: text.optional(),
    from: text.optional(),
    reason: text,
  }),
  drill: z.strictObject(agentOption),
  status: z.strictObject(agentOption),
  reconcile: z.strictObject({ agent: z.string().optional(), signal }),
  drift: z.strictObject({ agent: z.string().optional(), signal }),
};
type Verb = keyof typeof schemas;

/** Refuses what a call cannot mean, before anything happens: a misspelt `to` must not lead to another version. */
export function checkRequest(verb: Verb, options: unknown): void {
  parseOrThrow<z.ZodType>(schemas[verb], options, {
    code: "input/deployment",
    subject: `What ${verb}() was asked for`,
  });
}
