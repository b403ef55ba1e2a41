import { z } from "zod";

const httpReloadSchema = z.strictObject({
  type: z.literal("http"),
  url: z.url(),
  method: z.enum(["POST", "PUT", "GET"]).default("POST"),
  timeoutMs: z.number().int().positive().default(10_000),
});

const commandReloadSchema = z.strictObject({
  type: z.literal("command"),
  /** Program and arguments; run without a shell, e.g. `["docker", "compose", "restart", "orchestrator"]`. */
  command: z.array(z.string().min(1)).min(1),
  directory: z.string().optional(),
  timeoutMs: z.number().int().positive().default(60_000),
});

const signalReloadSchema = z.strictObject({
  type: z.literal("signal"),
  /** File that holds the host's process id. */
  pidFile: z.string().min(1),
  signal: z.enum(["SIGHUP", "SIGUSR1", "SIGUSR2"]).default("SIGHUP"),
});

export const reloadHookSchema = z.discriminatedUnion("type", [
  httpReloadSchema,
  commandReloadSchema,
  signalReloadSchema,
]);

const dottedPath = z
  .string()
  .min(1)
  .refine((path) => path.split(".").every((part) => part !== ""), "must be keys joined by single dots");

/** Where and how the host's configuration names the model of an agent. */
export const hostConfigSchema = z.strictObject({
  /** The YAML file, such as `config/agents/models.yaml`. */
  file: z.string().min(1),
  /**
   * Dotted path per target id; `<agent>` stands for the agent. Defaults: `openrouter.agent_models.<agent>`,
   * `huggingface.agent_models.<agent>` for hosted endpoints, `local.agent_models.<agent>` for every other target.
   */
  paths: z.record(z.string(), dottedPath).optional(),
  /** The host's environment name; `environments.<environment>.<agent>.model` then wins where it exists. */
  environment: z.string().min(1).nullish(),
  /** Dotted paths that win over `paths` where they exist, first match first. Replaces the one from `environment`. */
  overridePaths: z.array(dottedPath).optional(),
  /** Add a missing last key as one line after its siblings. Default true. */
  insertMissing: z.boolean().default(true),
  /** Touch the file after the rename, for watchers that see modifications only. Default true. */
  touchAfterRename: z.boolean().default(true),
  /** How the host learns of the change. Without one, results say `restartRequired: true`. */
  reload: reloadHookSchema.nullish(),
});

export type HostConfigOptions = z.input<typeof hostConfigSchema>;
export type HostConfig = z.output<typeof hostConfigSchema>;
export type ReloadHook = z.output<typeof reloadHookSchema>;

const HOSTED_ENDPOINT_TARGETS = new Set(["hf-endpoints", "huggingface", "hf"]);

/** The dotted path at which a target's model name stands. */
export function configPathTemplate(config: HostConfig, targetId: string): string {
  const configured = config.paths?.[targetId];
  if (configured) return configured;
  if (targetId === "openrouter") return "openrouter.agent_models.<agent>";
  if (HOSTED_ENDPOINT_TARGETS.has(targetId)) return "huggingface.agent_models.<agent>";
  return "local.agent_models.<agent>";
}

/** Paths that hide the configured one when they exist. */
export function overrideTemplates(config: HostConfig): readonly string[] {
  if (config.overridePaths) return config.overridePaths;
  return config.environment ? [`environments.${config.environment}.<agent>.model`] : [];
}
