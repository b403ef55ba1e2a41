import { z } from "zod";
import { parseOrThrow } from "../errors/from-zod.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { actorSchema } from "../model/actor.ts";
import { artifactSchema } from "../model/artifact.ts";
import {
  deploymentStatusSchema,
  evalScoresSchema,
  lineageSchema,
  trainingConfigSchema,
} from "../model/model-version.ts";

/** Free text of a version. Longer things belong into the repository of the model, with a link here. */
const MAX_TEXT_CHARACTERS = 100_000;
const MAX_TAGS = 100;

const text = z.string().max(MAX_TEXT_CHARACTERS, `must have at most ${MAX_TEXT_CHARACTERS} characters`);
const id = z.string().min(1).max(300);
const line = z
  .string()
  .min(1)
  .max(300)
  .regex(/^\P{Cc}+$/u, "must be one line without control characters");
const tag = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[\w.:/ -]+$/, "must hold only letters, digits and . : / _ - or spaces");
const time = z.iso.datetime({ error: "must be ISO 8601 in UTC, such as 2026-01-31T12:00:00Z" });
const signal = z.instanceof(AbortSignal).optional();

/** Taken by every call that changes something. */
const changeFields = {
  /** Who does it. Default: the runtime's actor. */
  actor: actorSchema.optional(),
  /** Why, for the history and the audit chain. */
  reason: z.string().min(1).max(2000).optional(),
  /** The operation it is a step of. */
  operationId: id.optional(),
  /** A second call with the same key changes nothing and gives the first one's result. */
  idempotencyKey: id.optional(),
  /** Do it only when the agent is still at this revision. */
  expectedRev: z.number().int().nonnegative().optional(),
  signal,
};
const changeSchema = z.strictObject(changeFields);
const versionChange = { agent: z.string(), version: line, ...changeFields };

export const addVersionSchema = z
  .strictObject({
    agent: z.string(),
    modelId: line,
    trainingConfig: trainingConfigSchema,
    /** `v1.2.3[-suffix]`; left out, the next free number is taken (see `bump`). */
    version: z.string().optional(),
    /** Which number goes up when `version` is left out. Default `minor`. */
    bump: z.enum(["major", "minor", "patch"]).optional(),
    suffix: z.string().optional(),
    artifact: artifactSchema.nullish(),
    parentVersion: line.nullish(),
    trainedAt: time.optional(),
    trainedBy: line.optional(),
    jobId: line.nullish(),
    hubRepo: line.nullish(),
    evalScores: evalScoresSchema.nullish(),
    tags: z.array(tag).max(MAX_TAGS).optional(),
    changelog: text.nullish(),
    notes: text.nullish(),
    lineage: lineageSchema.partial().optional(),
    ...changeFields,
  })
  .refine(
    (input) => input.version === undefined || (input.bump === undefined && input.suffix === undefined),
    {
      error: "version is given, so bump and suffix must be left out",
    },
  );

export const nextVersionSchema = z.strictObject({
  agent: z.string(),
  bump: z.enum(["major", "minor", "patch"]),
  suffix: z.string().optional(),
  ...changeFields,
});
export const versionChangeSchema = z.strictObject(versionChange);
export const canarySchema = z.strictObject({
  ...versionChange,
  share: z.union([z.literal(20), z.literal(50)], { error: "must be 20 or 50 (percent)" }),
});
export const agentChangeSchema = z.strictObject({ agent: z.string(), ...changeFields });
export const rollbackSchema = z.strictObject({ agent: z.string(), to: line.optional(), ...changeFields });
export const scoresSchema = z.strictObject({
  ...versionChange,
  scores: evalScoresSchema,
  /** Replace all scores instead of adding to them. Default false. */
  replace: z.boolean().optional(),
  evaluationId: id.optional(),
});
export const tagsSchema = z.strictObject({ ...versionChange, tags: z.array(tag).min(1).max(MAX_TAGS) });
export const changelogSchema = z.strictObject({ ...versionChange, changelog: text.nullable() });
export const notesSchema = z.strictObject({ ...versionChange, notes: text.nullable() });
export const linkSchema = z.strictObject({
  ...versionChange,
  evaluationId: id.optional(),
  deploymentId: id.optional(),
});
export const listSchema = z.strictObject({
  agent: z.string().optional(),
  status: deploymentStatusSchema.optional(),
  tag: tag.optional(),
  limit: z.number().int().min(1).max(1000).optional(),
  cursor: z.string().nullish(),
  signal,
});

/** What every change says about itself. */
export type ChangeOptions = z.input<typeof changeSchema>;
export type AddVersionInput = z.input<typeof addVersionSchema>;
export type NextVersionInput = z.input<typeof nextVersionSchema>;
export type VersionChangeInput = z.input<typeof versionChangeSchema>;
export type SetCanaryInput = z.input<typeof canarySchema>;
export type AgentChangeInput = z.input<typeof agentChangeSchema>;
export type RollbackInput = z.input<typeof rollbackSchema>;
export type UpdateScoresInput = z.input<typeof scoresSchema>;
export type TagsInput = z.input<typeof tagsSchema>;
export type SetChangelogInput = z.input<typeof changelogSchema>;
export type SetNotesInput = z.input<typeof notesSchema>;
export type LinkInput = z.input<typeof linkSchema>;
export type ListVersionsInput = z.input<typeof listSchema>;

/** Checks what a caller passed in. Unknown fields are refused: a typo must not pass in silence. */
export function parseInput<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  method: string,
): z.output<Schema> {
  refusePrototypeKeys(input, method);
  return parseOrThrow(schema, input, { code: "input/registry", subject: `The input of registry.${method}` });
}

/** A key named `__proto__` would be dropped by some steps and kept by others, so it is refused at the door. */
export function refusePrototypeKeys(input: unknown, subject: string, path = ""): void {
  if (typeof input !== "object" || input === null || input instanceof AbortSignal) return;
  for (const [key, value] of Object.entries(input)) {
    const here = path === "" ? key : `${path}.${key}`;
    if (key === "__proto__") {
      throw new ModelOpsError({
        code: "input/prototype-key",
        message: `${subject} holds the field ${here}.`,
        reason: "A field of this name can change how objects behave; nothing was changed.",
        fix: "remove or rename the field.",
        details: { path: here },
      });
    }
    refusePrototypeKeys(value, subject, here);
  }
}
