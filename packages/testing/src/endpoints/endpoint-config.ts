import { z } from "zod";

const ENGINES: readonly string[] = [
  "huggingface",
  "custom",
  "vLLM",
  "sGLang",
  "tgi",
  "tei",
  "llamacpp",
  "hfServe",
  "vLLMNeuron",
  "tgiNeuron",
];

/** What a create request must hold. Unknown keys pass: the service drops them silently. */
const configSchema = z.looseObject({
  name: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/, "must hold a-z, 0-9 and -, at most 32"),
  type: z.enum(["public", "authenticated", "protected", "private"]),
  provider: z.looseObject({ vendor: z.string(), region: z.string() }),
  compute: z.looseObject({
    accelerator: z.enum(["cpu", "gpu", "neuron"]),
    instanceType: z.string(),
    instanceSize: z.string(),
    scaling: z
      .looseObject({
        minReplica: z.int().nonnegative(),
        maxReplica: z.int().positive(),
        scaleToZeroTimeout: z.number().positive().nullish(),
      })
      .refine(({ minReplica, maxReplica }) => minReplica <= maxReplica, "minReplica is above maxReplica"),
  }),
  model: z.looseObject({
    repository: z.string().regex(/^[\w.-]+\/[\w.-]+$/, "must be owner/name"),
    revision: z.string().nullish(),
    framework: z.enum(["pytorch", "custom", "llamacpp"]),
    // To be left out rather than null.
    task: z.string().optional(),
    image: z.record(z.string(), z.unknown()).refine((image) => {
      const [name, ...others] = Object.keys(image);
      return others.length === 0 && ENGINES.includes(name ?? "");
    }, "must name one engine"),
    env: z.record(z.string(), z.string()).nullish(),
    secrets: z.record(z.string(), z.string()).nullish(),
  }),
  tags: z.array(z.string()).nullish(),
});
export type EndpointConfig = z.infer<typeof configSchema>;

export type ReadConfig =
  | { readonly config: EndpointConfig; readonly problem: null }
  | { readonly config: null; readonly problem: string };

export function readConfig(value: unknown): ReadConfig {
  const result = configSchema.safeParse(value);
  if (result.success) return { config: result.data, problem: null };
  const [issue] = result.error.issues;
  return { config: null, problem: `${issue?.path.join(".")}: ${issue?.message}` };
}

/** Only the sent keys change, at every depth; `null` wipes a value; `model.image` is replaced whole. */
export function mergeConfig(config: unknown, changes: unknown, path = ""): unknown {
  const isMap = (value: unknown): value is Record<string, unknown> =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isMap(config) || !isMap(changes) || path === "model.image") return changes;
  const merged: Record<string, unknown> = { ...config };
  for (const [key, change] of Object.entries(changes)) {
    if (change === null) delete merged[key];
    else merged[key] = mergeConfig(config[key], change, path === "" ? key : `${path}.${key}`);
  }
  return merged;
}

/** As the service shows it again: values of secrets and passwords of registries are never sent back. */
export function shownConfig(config: EndpointConfig): Record<string, unknown> {
  const { secrets, image, ...model } = config.model;
  const shownImage = Object.fromEntries(
    Object.entries(image).map(([engine, settings]) => [
      engine,
      settings && typeof settings === "object" && "credentials" in settings
        ? { ...settings, credentials: { username: "***", password: "***" } }
        : settings,
    ]),
  );
  const shownSecrets = Object.fromEntries(Object.keys(secrets ?? {}).map((name) => [name, "***"]));
  return { ...config, model: { ...model, image: shownImage, secrets: shownSecrets } };
}
