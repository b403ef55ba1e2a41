import { parseOrThrow } from "../errors/from-zod.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { type EvalScores, evalScoresSchema, type ModelVersion } from "../model/model-version.ts";
import { emptyLineage } from "../model/registry-json-mapping.ts";
import { type AgentState, laterTime } from "./agent-state.ts";
import { checkArchive } from "./lifecycle.ts";
import {
  type AgentView,
  changeAgent,
  type RegistryChange,
  type RegistryContext,
  type Unchanged,
} from "./registry-context.ts";
import type { UpdatedField } from "./registry-events.ts";
import {
  type AddVersionInput,
  addVersionSchema,
  type ChangeOptions,
  type LinkInput,
  linkSchema,
  type NextVersionInput,
  nextVersionSchema,
  parseInput,
  scoresSchema,
  type UpdateScoresInput,
  type VersionChangeInput,
  versionChangeSchema,
} from "./registry-inputs.ts";
import { versionOrder, versionPut } from "./version-record.ts";
import { validateModelId } from "./versioning/model-id.ts";
import {
  bumpVersion,
  formatVersion,
  type ParsedVersion,
  parseVersion,
  tryParseVersion,
} from "./versioning/version.ts";

export async function addVersion(context: RegistryContext, input: AddVersionInput): Promise<ModelVersion> {
  const parsed = parseInput(addVersionSchema, input, "addVersion");
  if (parsed.version !== undefined) parseVersion(parsed.version);
  if (parsed.hubRepo) validateModelId(parsed.hubRepo);
  return changeAgent(context, parsed, async (view) => {
    const name =
      parsed.version ?? nextName(view.state, { bump: parsed.bump ?? "minor", suffix: parsed.suffix ?? null });
    if (await view.find(name)) throw versionExists(view.agent, name);
    if (parsed.parentVersion) await view.require(parsed.parentVersion);
    const version: ModelVersion = {
      agent: view.agent,
      version: name,
      modelId: parsed.modelId,
      trainingConfig: parsed.trainingConfig,
      trainedAt: parsed.trainedAt ?? view.at,
      trainedBy: parsed.trainedBy ?? view.actor.id,
      jobId: parsed.jobId ?? null,
      hubRepo: parsed.hubRepo ?? null,
      artifact: parsed.artifact ?? null,
      evalScores: parsed.evalScores ?? null,
      deploymentStatus: "not_deployed",
      deployedAt: null,
      parentVersion: parsed.parentVersion ?? null,
      tags: [...new Set(parsed.tags ?? [])],
      changelog: parsed.changelog ?? null,
      notes: parsed.notes ?? null,
      lineage: { ...emptyLineage(), ...parsed.lineage },
      extra: {},
    };
    const { state, order } = withNewVersion(view.state, name, view.at);
    const { modelId, parentVersion, jobId } = version;
    return {
      state,
      puts: [versionPut(version, order)],
      action: "version.add",
      subject: `${view.agent}@${name}`,
      evidence: { modelId, parentVersion, jobId, datasetFingerprint: version.lineage.datasetFingerprint },
      events: [{ type: "registry.version-added", data: { version: name, modelId, parentVersion, jobId } }],
      result: version,
    };
  });
}

/** Gives out a number that nobody else gets, also when no version is ever added under it. */
export async function nextVersion(context: RegistryContext, input: NextVersionInput): Promise<string> {
  const parsed = parseInput(nextVersionSchema, input, "nextVersion");
  return changeAgent(context, parsed, async (view) => {
    const name = nextName(view.state, { bump: parsed.bump, suffix: parsed.suffix ?? null });
    const subject = `${view.agent}@${name}`;
    const state = { ...view.state, highest: highestOf(view.state.highest, name) };
    return { state, puts: [], action: "version.reserve", subject, events: [], result: name };
  });
}

export async function updateScores(
  context: RegistryContext,
  input: UpdateScoresInput,
): Promise<ModelVersion> {
  const parsed = parseInput(scoresSchema, input, "updateScores");
  return changeAgent(context, parsed, async (view) => {
    const before = await view.require(parsed.version);
    const merged = { ...(parsed.replace ? {} : before.evalScores), ...parsed.scores };
    const scores: EvalScores = parseOrThrow(evalScoresSchema, merged, {
      code: "input/registry",
      subject: "The scores",
    });
    const evaluationId = parsed.evaluationId ?? null;
    const evaluationIds = withId(before.lineage.evaluationIds, evaluationId);
    const version = { ...before, evalScores: scores, lineage: { ...before.lineage, evaluationIds } };
    return {
      ...versionChange(view, version, "version.scores", { scores, evaluationId }),
      events: [
        { type: "registry.scores-updated", data: { version: version.version, scores, evaluationId } },
      ] as const,
    };
  });
}

/** Changes texts, tags or links of a version. `edit` returns null when there is nothing to change. */
export async function editVersion(
  context: RegistryContext,
  input: VersionChangeInput & ChangeOptions,
  fields: readonly UpdatedField[],
  edit: (version: ModelVersion) => Partial<ModelVersion> | null,
): Promise<ModelVersion> {
  return changeAgent<ModelVersion>(context, input, async (view) => {
    const before = await view.require(input.version);
    const edited = edit(before);
    if (edited === null) return { unchanged: before };
    const version = { ...before, ...edited };
    return {
      ...versionChange(view, version, `version.${fields.join("-")}`, undefined),
      events: [{ type: "registry.version-updated", data: { version: version.version, fields } }] as const,
    };
  });
}

export async function link(context: RegistryContext, input: LinkInput): Promise<ModelVersion> {
  const { evaluationId = null, deploymentId = null, ...change } = parseInput(linkSchema, input, "link");
  return editVersion(context, change, ["lineage"], ({ lineage }) => {
    const evaluationIds = withId(lineage.evaluationIds, evaluationId);
    const deploymentIds = withId(lineage.deploymentIds, deploymentId);
    if (evaluationIds === lineage.evaluationIds && deploymentIds === lineage.deploymentIds) return null;
    return { lineage: { ...lineage, evaluationIds, deploymentIds } };
  });
}

export async function archive(context: RegistryContext, input: VersionChangeInput): Promise<ModelVersion> {
  const parsed = parseInput(versionChangeSchema, input, "archive");
  return changeAgent<ModelVersion>(
    context,
    parsed,
    async (view): Promise<RegistryChange<ModelVersion> | Unchanged<ModelVersion>> => {
      const before = await view.require(parsed.version);
      checkArchive(view.state, before);
      if (before.deploymentStatus === "archived" && !view.state.previous.includes(before.version)) {
        return { unchanged: before };
      }
      const version: ModelVersion = { ...before, deploymentStatus: "archived" };
      const change = versionChange(view, version, "version.archive", undefined);
      // Retired on purpose: a rollback without a target does not bring it back.
      const previous = change.state.previous.filter((name) => name !== version.version);
      const data = { version: version.version, reason: parsed.reason ?? null };
      return {
        ...change,
        state: { ...change.state, previous },
        events: [{ type: "registry.archived", data }],
      };
    },
  );
}

function versionChange(
  view: AgentView,
  version: ModelVersion,
  action: string,
  evidence: Readonly<Record<string, unknown>> | undefined,
): Omit<RegistryChange<ModelVersion>, "events"> {
  return {
    state: withoutCopies(view.state, version.version),
    puts: [versionPut(version)],
    action,
    subject: `${view.agent}@${version.version}`,
    evidence,
    result: version,
  };
}

/** An imported copy of a pointer is only shown as long as its version is as it was imported. */
export function withoutCopies(state: AgentState, version: string): AgentState {
  const isTouched = state.current === version || state.canary?.version === version;
  return isTouched && Object.keys(state.pointerCopies).length > 0 ? { ...state, pointerCopies: {} } : state;
}

/** Counts a new version and gives its place in the list. */
export function withNewVersion(
  state: AgentState,
  name: string,
  at: string,
): { readonly state: AgentState; readonly order: string } {
  const versionCount = state.versionCount + 1;
  const lastTime = state.lastVersionOrder.split("/")[0] ?? "";
  const order = versionOrder(laterTime(at, lastTime), versionCount);
  const highest = highestOf(state.highest, name);
  return { state: { ...state, versionCount, lastVersionOrder: order, highest }, order };
}

function nextName(
  state: AgentState,
  options: { readonly bump: "major" | "minor" | "patch"; readonly suffix: string | null },
): string {
  return formatVersion({ ...bumpVersion(state.highest, options.bump), suffix: options.suffix });
}

function highestOf(highest: AgentState["highest"], name: string): AgentState["highest"] {
  const parsed = tryParseVersion(name);
  if (!parsed) return highest;
  const { major, minor, patch } = parsed;
  return highest && compareNumbers(highest, parsed) >= 0 ? highest : { major, minor, patch };
}

function compareNumbers(
  left: Pick<ParsedVersion, "major" | "minor" | "patch">,
  right: Pick<ParsedVersion, "major" | "minor" | "patch">,
): number {
  return left.major - right.major || left.minor - right.minor || left.patch - right.patch;
}

function withId(ids: readonly string[], id: string | null): string[] {
  return id === null || ids.includes(id) ? (ids as string[]) : [...ids, id];
}

function versionExists(agent: string, version: string): ModelOpsError {
  return new ModelOpsError({
    code: "registry/version-exists",
    message: `Agent ${agent} has a version ${version} already.`,
    reason: "Versions are never overwritten; nothing was changed.",
    fix: "leave version out and give bump to get the next free number, or choose another one.",
    details: { agent, version },
  });
}
