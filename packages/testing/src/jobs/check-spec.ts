import { badRequest } from "../hub/hub-failure.ts";
import type { JobSpec } from "./job.ts";

const KEYS = new Set([
  ...["flavor", "dockerImage", "spaceId", "command", "arguments", "environment", "secrets", "arch"],
  ...["timeoutSeconds", "attempts", "labels", "volumes", "expose", "ssh", "network", "resourceGroupId"],
]);
/** The limit of Linux for one argument or variable: the job would not start. */
const MAX_VARIABLE_BYTES = 128 * 1024;

/** Refuses what the service's schema refuses, with 400. */
export function checkSpec(value: unknown, flavors: ReadonlySet<string>): JobSpec {
  const spec = asObject(value, "the body");
  for (const key of Object.keys(spec)) if (!KEYS.has(key)) throw badRequest(`Unrecognized key: "${key}"`);
  if (typeof spec.flavor !== "string" || !flavors.has(spec.flavor))
    throw badRequest(`Invalid option: "flavor" must be one of ${[...flavors].join("|")}`);
  if ((spec.dockerImage === undefined) === (spec.spaceId === undefined))
    throw badRequest('Exactly one of "dockerImage" and "spaceId" is needed');
  if (spec.command !== undefined) {
    const command = texts(spec.command, "command");
    if (command.length === 0 || command.some((part) => part === "")) throw badRequest('"command" is empty');
  }
  if (spec.arguments !== undefined) texts(spec.arguments, "arguments");
  for (const name of ["environment", "secrets"]) {
    const variables = Object.entries(textRecord(spec[name] ?? {}, name));
    if (variables.reduce((sum, [key, text]) => sum + key.length + text.length, 0) > 1_000_000)
      throw badRequest(`"${name}" is larger than 1 MB`);
  }
  checkLabels(spec.labels ?? {});
  if (
    spec.timeoutSeconds !== undefined &&
    spec.timeoutSeconds !== null &&
    !isPositiveInteger(spec.timeoutSeconds)
  )
    throw badRequest('"timeoutSeconds" must be a positive whole number');
  if (spec.attempts !== undefined && !isPositiveInteger(spec.attempts))
    throw badRequest('"attempts" must be a positive whole number');
  for (const volume of (spec.volumes ?? []) as { mountPath?: unknown }[])
    if (typeof volume.mountPath !== "string" || !volume.mountPath.startsWith("/"))
      throw badRequest('"mountPath" must start with /');
  return spec as unknown as JobSpec;
}

export function checkLabels(value: unknown): Record<string, string> {
  const labels = textRecord(value, "labels");
  for (const [key, label] of Object.entries(labels)) {
    if (!/^[a-zA-Z0-9._-]{1,100}$/.test(key) || !/^[a-zA-Z0-9._-]{0,100}$/.test(label))
      throw badRequest(`Invalid label: ${key}=${label}`);
  }
  return labels;
}

/** Why the container could not even start; null when it can. */
export function startProblem(spec: JobSpec): string | null {
  for (const [name, text] of Object.entries({ ...spec.environment, ...spec.secrets }))
    if (name.length + text.length + 2 > MAX_VARIABLE_BYTES) return "exec: argument list too long";
  return null;
}

function isPositiveInteger(value: unknown): boolean {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0;
}

function asObject(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw badRequest(`${name} must be an object`);
  return value as Record<string, unknown>;
}

function texts(value: unknown, name: string): readonly string[] {
  if (!Array.isArray(value) || value.some((item) => typeof item !== "string"))
    throw badRequest(`"${name}" must be a list of strings`);
  return value as string[];
}

function textRecord(value: unknown, name: string): Record<string, string> {
  const record = asObject(value, `"${name}"`);
  for (const item of Object.values(record))
    if (typeof item !== "string") throw badRequest(`the values of "${name}" must be strings`);
  return record as Record<string, string>;
}
