import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { ModelOpsError } from "../../errors/modelops-error.ts";
import { writeFileAtomically } from "../../files/atomic-write.ts";
import { parseSingleDocument, readYamlValue, type YamlPath } from "../yaml/document.ts";
import { editYamlScalar, removeYamlScalar } from "../yaml/edit-scalar.ts";
import { configPathTemplate, type HostConfig, overrideTemplates } from "./host-config-options.ts";
import { type HostFileContent, readHostFile, replaceHostFile, sha256Hex } from "./host-file.ts";

/** One edit of the host's configuration, with all that is needed to take it back. JSON: it is stored. */
export const hostConfigEditSchema = z.object({
  file: z.string(),
  path: z.array(z.union([z.string(), z.number()])),
  line: z.number().int(),
  valueBefore: z.string().nullable(),
  /** The previous value as it was spelled, quotes included. Null when the key did not exist. */
  textBefore: z.string().nullable(),
  valueAfter: z.string(),
  sha256Before: z.string(),
  sha256After: z.string(),
  /** What the host really uses, overrides of its environment included. */
  effectiveBefore: z.string().nullable(),
  effectiveAfter: z.string().nullable(),
  environment: z.string().nullable(),
  /** Things a person should know, such as other places that name another model for the agent. */
  warnings: z.array(z.string()),
});
export type HostConfigEdit = z.infer<typeof hostConfigEditSchema>;

export interface PlannedConfigEdit {
  readonly edit: HostConfigEdit;
  readonly bytesBefore: Buffer;
  readonly bytesAfter: Buffer;
}

/** The spellings of an agent's name that hosts use: `feature_dev` and `feature-dev`. */
export function agentSpellings(agent: string): readonly string[] {
  const canonical = agent.replaceAll("-", "_");
  const dashed = canonical.replaceAll("_", "-");
  return dashed === canonical ? [canonical] : [canonical, dashed];
}

/** The path in the spelling the file uses; null when neither is there. */
export function findAgentPath(
  source: string,
  template: string,
  agent: string,
  subject: string,
): YamlPath | null {
  for (const spelling of agentSpellings(agent)) {
    const path = toPath(template, spelling);
    if (readYamlValue(source, path, subject) !== undefined) return path;
  }
  return null;
}

function toPath(template: string, spelling: string): (string | number)[] {
  return template
    .split(".")
    .map((part) => part.replaceAll("<agent>", spelling))
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}

/** The model an agent really gets: the first override that exists, else the value at the target's path. */
export function effectiveModel(
  config: HostConfig,
  source: string,
  agent: string,
  targetId: string,
): { readonly value: string | null; readonly path: YamlPath | null } {
  for (const template of [...overrideTemplates(config), configPathTemplate(config, targetId)]) {
    const path = findAgentPath(source, template, agent, config.file);
    if (path) return { value: asText(readYamlValue(source, path, config.file)), path };
  }
  return { value: null, path: null };
}

function asText(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}

/**
 * Works out the edit without writing. Refuses with `deployment/edit-has-no-effect` when an override of the
 * environment would keep the host on its present model.
 */
export async function planConfigEdit(options: {
  readonly config: HostConfig;
  readonly agent: string;
  readonly targetId: string;
  readonly value: string;
}): Promise<PlannedConfigEdit> {
  const { config, agent, targetId, value } = options;
  const content = await readHostFile(config.file);
  const template = configPathTemplate(config, targetId);
  const [canonical = agent] = agentSpellings(agent);
  const path = findAgentPath(content.source, template, agent, config.file) ?? toPath(template, canonical);
  const before = effectiveModel(config, content.source, agent, targetId);
  const edited = editYamlScalar(content.source, path, value, {
    subject: config.file,
    insertMissing: config.insertMissing,
  });
  const after = effectiveModel(config, edited.source, agent, targetId);
  if (after.value !== value) {
    const hidden = after.path?.join(".") ?? "another path";
    throw new ModelOpsError({
      code: "deployment/edit-has-no-effect",
      message: `Changing ${path.join(".")} in ${config.file} would not change the model of ${agent}.`,
      reason: `${hidden} names ${after.value} and wins${config.environment ? ` in the environment ${config.environment}` : ""}.`,
      fix: `configure that path for the target: hostConfig.paths = { ${JSON.stringify(targetId)}: ${JSON.stringify(hidden)} }.`,
      details: { path: [...path], winningPath: after.path ? [...after.path] : null },
    });
  }
  const bytesAfter = Buffer.from(edited.source, "utf8");
  return {
    bytesBefore: content.bytes,
    bytesAfter,
    edit: {
      file: config.file,
      path: [...path],
      line: edited.line,
      valueBefore: asText(edited.previousValue),
      textBefore: edited.previousText,
      valueAfter: value,
      sha256Before: content.sha256,
      sha256After: sha256Hex(bytesAfter),
      effectiveBefore: before.value,
      effectiveAfter: after.value,
      environment: config.environment ?? null,
      warnings: otherPlaces(content.source, path, agent, value, config.file),
    },
  };
}

/** Writes a planned edit, keeping the previous bytes under their hash first. */
export async function applyConfigEdit(options: {
  readonly config: HostConfig;
  readonly planned: PlannedConfigEdit;
  readonly backupFolder: string;
  readonly now: number;
}): Promise<{ readonly writtenInPlace: boolean }> {
  const { planned, config } = options;
  if (planned.edit.sha256Before === planned.edit.sha256After) return { writtenInPlace: false };
  await keepBytes(options.backupFolder, planned.edit.sha256Before, planned.bytesBefore);
  return replaceHostFile({
    path: config.file,
    bytes: planned.bytesAfter,
    expectedSha256: planned.edit.sha256Before,
    touchAfterRename: config.touchAfterRename,
    now: options.now,
  });
}

async function keepBytes(folder: string, sha256: string, bytes: Uint8Array): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFileAtomically(join(folder, `${sha256}.yaml`), bytes);
}

export type ConfigRestore = "already" | "bytes" | "value";

/**
 * Takes an edit back: byte for byte when the file is as the edit left it, else (somebody edited it since) only the
 * one value, leaving the other changes alone.
 */
export async function restoreConfigEdit(options: {
  readonly config: HostConfig;
  readonly edit: HostConfigEdit;
  readonly backupFolder: string;
  readonly now: number;
}): Promise<{ readonly restored: ConfigRestore; readonly sha256: string; readonly writtenInPlace: boolean }> {
  const { config, edit } = options;
  const content = await readHostFile(config.file);
  if (content.sha256 === edit.sha256Before) {
    return { restored: "already", sha256: content.sha256, writtenInPlace: false };
  }
  const bytes = content.sha256 === edit.sha256After ? await backupBytes(options.backupFolder, edit) : null;
  const next = bytes ?? Buffer.from(restoredSource(content, edit), "utf8");
  const { writtenInPlace } = await replaceHostFile({
    path: config.file,
    bytes: next,
    expectedSha256: content.sha256,
    touchAfterRename: config.touchAfterRename,
    now: options.now,
  });
  const sha256 = sha256Hex(next);
  return { restored: sha256 === edit.sha256Before ? "bytes" : "value", sha256, writtenInPlace };
}

async function backupBytes(folder: string, edit: HostConfigEdit): Promise<Buffer | null> {
  try {
    const { bytes, sha256 } = await readHostFile(join(folder, `${edit.sha256Before}.yaml`));
    return sha256 === edit.sha256Before ? bytes : null;
  } catch {
    return null;
  }
}

function restoredSource(content: HostFileContent, edit: HostConfigEdit): string {
  if (edit.valueBefore === null) return removeYamlScalar(content.source, edit.path, edit.file);
  const current = readYamlValue(content.source, edit.path, edit.file);
  if (current === edit.valueBefore) return content.source;
  return editYamlScalar(content.source, edit.path, edit.valueBefore, {
    subject: edit.file,
    text: edit.textBefore,
  }).source;
}

/** Other well-known places that name a model for the agent: hosts differ in which one they read. */
function otherPlaces(
  source: string,
  path: YamlPath,
  agent: string,
  value: string,
  subject: string,
): string[] {
  const { document } = parseSingleDocument(source, subject);
  const root = (document.toJS() ?? {}) as Record<string, unknown>;
  const environments = Object.keys((root.environments as object | undefined) ?? {});
  const templates = [
    "agents.<agent>.model",
    ...environments.map((name) => `environments.${name}.<agent>.model`),
  ];
  return templates.flatMap((template) => {
    const found = findAgentPath(source, template, agent, subject);
    if (!found || found.join(".") === path.join(".")) return [];
    const other = asText(readYamlValue(source, found, subject));
    return other === value
      ? []
      : [`${found.join(".")} still names ${other}; a host that reads it does not change.`];
  });
}
