import { parseSafetensorsMetadata } from "@huggingface/hub";
import { z } from "zod";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { callOptions, type HubConnection, isRepositoryId } from "./hub-connection.ts";
import { type HubRepository, type RepositoryKind, repositoryPage, toRepository } from "./hub-items.ts";
import type { HubReader } from "./hub-reader.ts";
import { modelConfigSchema, repositorySchema } from "./hub-wire.ts";

/** A repository looked at closely. Null = it does not say, or may not be read. */
export interface RepoDetails extends HubRepository {
  readonly kind: RepositoryKind;
  /** Commit that all of this is true of. */
  readonly revision: string | null;
  /** The name that was asked for, when the repository has been renamed since. */
  readonly renamedFrom: string | null;
  readonly licenseName: string | null;
  readonly licenseUrl: string | null;
  readonly task: string | null;
  readonly library: string | null;
  readonly files: readonly { readonly path: string; readonly sizeBytes: number | null }[];
  /** Of all files; null when the Hub does not say. */
  readonly sizeBytes: number | null;
  /** Null for datasets and Spaces. */
  readonly model: ModelDetails | null;
}

export interface ModelDetails {
  /** Whether this token may load the model: a gated one shows its page to everybody. */
  readonly canRead: boolean;
  readonly architecture: string | null;
  /** Counted in the safetensors headers. */
  readonly parameters: number | null;
  /** By type, such as `{ BF16: 7615616512 }`. */
  readonly parametersByType: Readonly<Record<string, number>>;
  /** Tokens it was made to read at once (`max_position_embeddings`). */
  readonly contextLength: number | null;
  readonly layers: number | null;
  readonly hiddenSize: number | null;
  readonly vocabularySize: number | null;
  readonly hasChatTemplate: boolean | null;
}

const tokenizerConfigSchema = z.looseObject({ chat_template: z.unknown().optional() });

/** Reads a repository's page and, for a model, its configuration. */
export async function readRepoDetails(
  reader: HubReader,
  connection: HubConnection,
  options: {
    readonly id: string;
    readonly kind: RepositoryKind;
    readonly revision: string | null;
    readonly signal?: AbortSignal;
  },
): Promise<RepoDetails> {
  const { id, kind, revision, signal } = options;
  const page = repositoryPage(reader.hubUrl, kind, id);
  const place = revision === null ? "" : `/revision/${encodeURIComponent(revision)}`;
  const { value: wire } = await reader.read({
    path: `/api/${kind}s/${encodedId(id)}${place}?blobs=true`,
    schema: repositorySchema,
    subject: `${kind} ${id}`,
    page,
    ...(signal ? { signal } : {}),
  });
  if (!isRepositoryId(wire.id)) throw foreignName(id, wire.id);
  if (wire.disabled === true) throw disabledError(kind, id, page);
  const files = (wire.siblings ?? []).map((file) => ({ path: file.rfilename, sizeBytes: file.size ?? null }));
  const { license_name: licenseName, license_link: licenseUrl } = wire.cardData ?? {};
  const isSized = files.length > 0 && files.every((file) => file.sizeBytes !== null);
  const details: RepoDetails = {
    ...toRepository(wire, kind, reader.hubUrl),
    kind,
    revision: wire.sha ?? null,
    renamedFrom: wire.id === id ? null : id,
    licenseName: typeof licenseName === "string" ? licenseName : null,
    licenseUrl: typeof licenseUrl === "string" ? licenseUrl : null,
    task: wire.pipeline_tag ?? null,
    library: wire.library_name ?? null,
    files,
    sizeBytes: isSized ? files.reduce((sum, file) => sum + (file.sizeBytes ?? 0), 0) : null,
    model: null,
  };
  if (kind !== "model") return details;
  const paths = new Set(files.map((file) => file.path));
  const readFile = async <Schema extends z.ZodType>(path: string, schema: Schema) => {
    if (!paths.has(path)) return null;
    const at = encodeURIComponent(details.revision ?? "main");
    const read = reader.read({
      path: `/${encodedId(wire.id)}/resolve/${at}/${path}`,
      schema,
      subject: `model ${wire.id}`,
      page: details.url,
      ...(signal ? { signal } : {}),
    });
    return (await read).value;
  };
  let canRead = true;
  let config: z.output<typeof modelConfigSchema> | null = null;
  let hasChatTemplate: boolean | null = null;
  try {
    config = await readFile("config.json", modelConfigSchema);
    const known = wire.config?.tokenizer_config ?? null;
    const inFile = known ? null : await readFile("tokenizer_config.json", tokenizerConfigSchema);
    const tokenizer = known ?? inFile;
    hasChatTemplate =
      paths.has("chat_template.jinja") || (tokenizer === null ? null : tokenizer.chat_template != null);
  } catch (error) {
    const isRefused =
      ModelOpsError.isInstance(error) && (error.code === "hub/gated" || error.code === "hub/no-access");
    if (!isRefused) throw error;
    canRead = false;
  }
  const language = config?.text_config ?? config;
  const counted = wire.safetensors?.total
    ? { total: wire.safetensors.total, byType: wire.safetensors.parameters ?? {} }
    : canRead
      ? await countParameters(connection, { id: wire.id, revision: details.revision, paths, signal })
      : null;
  return {
    ...details,
    model: {
      canRead,
      architecture: config?.architectures?.[0] ?? wire.config?.architectures?.[0] ?? null,
      parameters: counted?.total ?? null,
      parametersByType: counted?.byType ?? {},
      contextLength: language?.max_position_embeddings ?? null,
      layers: language?.num_hidden_layers ?? null,
      hiddenSize: language?.hidden_size ?? null,
      vocabularySize: language?.vocab_size ?? null,
      hasChatTemplate,
    },
  };
}

/** The Hub counts models some time after they were uploaded; their files can be counted at once. */
async function countParameters(
  connection: HubConnection,
  options: {
    readonly id: string;
    readonly revision: string | null;
    readonly paths: ReadonlySet<string>;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<{ readonly total: number; readonly byType: Readonly<Record<string, number>> } | null> {
  const { paths, signal } = options;
  if (!paths.has("model.safetensors") && !paths.has("model.safetensors.index.json")) return null;
  try {
    const { parameterCount, parameterTotal } = await parseSafetensorsMetadata({
      repo: { type: "model", name: options.id },
      revision: options.revision ?? "main",
      computeParametersCount: true,
      ...callOptions(connection, signal),
    });
    const byType: Record<string, number> = {};
    for (const [type, number] of Object.entries(parameterCount ?? {})) byType[type] = number;
    const total = parameterTotal ?? Object.values(byType).reduce((sum, number) => sum + number, 0);
    return total > 0 ? { total, byType } : null;
  } catch {
    signal?.throwIfAborted();
    // Weights that cannot be read say nothing about their number; the plan says that it is not known.
    return null;
  }
}

function encodedId(id: string): string {
  return id.split("/").map(encodeURIComponent).join("/");
}

function disabledError(kind: RepositoryKind, id: string, page: string): ModelOpsError {
  return new ModelOpsError({
    code: "hub/disabled",
    message: `The Hub has disabled the ${kind} ${id}.`,
    reason: "Its owner or the Hub closed it; nobody can read it at present.",
    fix: "choose another one, or ask its owner.",
    details: { url: page },
  });
}

/** The name is used from here on, in addresses and by the training script. */
function foreignName(asked: string, given: string): ModelOpsError {
  return new ModelOpsError({
    code: "hub/unexpected-reply",
    message: `Asked for ${asked}, the Hub answered with ${JSON.stringify(given).slice(0, 140)}.`,
    reason: "That is no repository id.",
    fix: "check that the Hub address (HF_ENDPOINT) is right.",
  });
}
