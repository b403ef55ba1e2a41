import { z } from "zod";

export const artifactFileSchema = z.object({
  /** Path inside the artifact, with forward slashes. */
  path: z.string(),
  sizeBytes: z.number().int().nonnegative(),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
});

/** Where model files are: a folder on this machine or a repository at a commit. */
export const artifactLocationSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("folder"), path: z.string() }),
  z.object({ type: z.literal("hub"), repoId: z.string(), revision: z.string().nullable() }),
]);

/** What a training run leaves: an adapter (with the base it belongs to) or a whole model. */
export const artifactSchema = z.object({
  kind: z.enum(["adapter", "full-model"]),
  location: artifactLocationSchema,
  /** The base model of an adapter: a hub id or a folder. */
  baseModel: z.string(),
  baseModelRevision: z.string().nullable(),
  files: z.array(artifactFileSchema),
});

export type ArtifactFile = z.infer<typeof artifactFileSchema>;
export type ArtifactLocation = z.infer<typeof artifactLocationSchema>;
export type ModelArtifact = z.infer<typeof artifactSchema>;
