import { isDeepStrictEqual } from "node:util";
import type { ModelReference } from "@modelops/core";
import type { HfEndpointsSettings } from "./hf-endpoints-options.ts";
import type { Endpoint } from "./hf-endpoints-wire.ts";

/** Stands on every endpoint this target makes. */
export const TAG = "modelops";

const OWNER_TAG = /^modelops-[0-9a-f]{8,}$/;

/** The mark of who answers for an endpoint. */
export function ownerTag(owner: string): string {
  return `${TAG}-${owner}`;
}

export interface WantedModel {
  readonly repository: string;
  /** Null = the newest. */
  readonly revision: string | null;
}

export function wantedModel(model: ModelReference): WantedModel {
  const location = model.artifact?.location;
  if (location?.type === "hub") return { repository: location.repoId, revision: location.revision };
  return { repository: model.modelId, revision: null };
}

/** What a new endpoint is created with. Fields without a value are left out, since nulls mean something there. */
export function createBody(
  settings: HfEndpointsSettings,
  options: { readonly name: string; readonly model: WantedModel; readonly owner: string | null },
): Readonly<Record<string, unknown>> {
  const { vendor, region } = settings.compute;
  const { name, owner } = options;
  const { repository, revision } = options.model;
  return {
    name,
    type: "authenticated",
    provider: { vendor, region },
    compute: wantedCompute(settings),
    model: {
      repository,
      ...(revision === null ? {} : { revision }),
      framework: "pytorch",
      task: "text-generation",
      image: settings.image,
      env: settings.environment,
    },
    tags: owner === null ? [TAG] : [TAG, ownerTag(owner)],
  };
}

function wantedCompute(settings: HfEndpointsSettings) {
  const { accelerator, instanceType, instanceSize } = settings.compute;
  return {
    accelerator,
    instanceType,
    instanceSize,
    scaling: {
      minReplica: settings.minimumReplicas,
      maxReplica: settings.maximumReplicas,
      scaleToZeroTimeout: settings.scaleToZeroAfterMinutes,
    },
  };
}

/**
 * What differs between an endpoint and the options, and nothing else: the service keeps fields that are not sent, wipes
 * those sent as null, and replaces an image as a whole. Null when nothing differs.
 */
export function neededChanges(
  endpoint: Endpoint,
  settings: HfEndpointsSettings,
  owner: string | null,
): Readonly<Record<string, unknown>> | null {
  const compute = differing(wantedCompute(settings), endpoint.compute ?? {});
  const env = differing(settings.environment, endpoint.model?.env ?? {});
  const hasOtherImage = !holds(endpoint.model?.image ?? {}, withoutCredentials(settings.image));
  const model = { ...(hasOtherImage && { image: settings.image }), ...(env && { env }) };
  const tags = endpoint.tags ?? [];
  // What another installation answers for gets no second mark: its sweep and ours would take it from each other.
  const isOwned = tags.some((tag) => OWNER_TAG.test(tag));
  const wantedTags = owner === null || isOwned ? [TAG] : [TAG, ownerTag(owner)];
  const missingTags = wantedTags.filter((tag) => !tags.includes(tag));
  const changes = {
    ...(compute && { compute }),
    ...(Object.keys(model).length > 0 && { model }),
    ...(missingTags.length > 0 && { tags: [...tags, ...missingTags] }),
  };
  return Object.keys(changes).length === 0 ? null : changes;
}

type Fields = Readonly<Record<string, unknown>>;

/** The wanted fields that are not so yet, at every depth; null when all are. */
function differing(wanted: Fields, present: Fields): Fields | null {
  const changes: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(wanted)) {
    const there = present[key];
    if (isFields(value) && isFields(there)) {
      const inner = differing(value, there);
      if (inner) changes[key] = inner;
    } else if (!isDeepStrictEqual(value, there)) changes[key] = value;
  }
  return Object.keys(changes).length === 0 ? null : changes;
}

/** Whether everything wanted is there: the service adds fields of its own. */
function holds(present: Fields, wanted: Fields): boolean {
  const isSameEngine = Object.keys(wanted).every((engine) => engine in present);
  return isSameEngine && differing(wanted, present) === null;
}

/** The service shows credentials as stars, so that they cannot be compared. */
function withoutCredentials(image: Fields): Fields {
  return Object.fromEntries(
    Object.entries(image).map(([engine, value]) => {
      if (!isFields(value)) return [engine, value];
      const { credentials: _, ...rest } = value;
      return [engine, rest];
    }),
  );
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
