import { z } from "zod";
import { parseOrThrow } from "../errors/from-zod.ts";

/** The agents of the host project, as presets; any name of the same form is allowed. */
export const PRESET_AGENTS = [
  "supervisor",
  "feature_dev",
  "code_review",
  "infrastructure",
  "cicd",
  "documentation",
] as const;

export const agentNameSchema = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,63}$/, "must start with a letter and hold only a-z, 0-9, _ and - (at most 64)");

/** Checks an agent's name and gives its canonical form: `feature-dev` and `feature_dev` name the same agent. */
export function canonicalAgentName(agent: string): string {
  const name = parseOrThrow(agentNameSchema, agent, {
    code: "input/agent-name",
    subject: `The agent name ${JSON.stringify(agent).slice(0, 80)}`,
    fix: 'use a name such as "feature_dev".',
  });
  return name.replaceAll("-", "_");
}

/** False for the names under which the library keeps records of its own, which no agent can have. */
export function isAgentName(name: string): boolean {
  return agentNameSchema.safeParse(name).success;
}
