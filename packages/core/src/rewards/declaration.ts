import { z } from "zod";
import { schemaProblem } from "./schema-check.ts";

const common = {
  column: z.string().min(1).nullish(),
  weight: z.number().positive().optional(),
  max_characters: z.int().min(1).optional(),
};

const schemas = {
  numeric: z.strictObject({
    ...common,
    kind: z.literal("numeric"),
    format_reward: z.number().min(0).max(0.2).optional(),
  }),
  exact: z.strictObject({
    ...common,
    kind: z.literal("exact"),
    trim: z.boolean().optional(),
    ignore_case: z.boolean().optional(),
  }),
  "json-schema": z.strictObject({
    ...common,
    kind: z.literal("json-schema"),
    schema: z.record(z.string(), z.unknown()).optional(),
  }),
  "tool-call": z.strictObject({
    ...common,
    kind: z.literal("tool-call"),
    tools_column: z.string().min(1).optional(),
  }),
  "code-tests": z.strictObject({
    ...common,
    kind: z.literal("code-tests"),
    timeout_seconds: z.number().positive().max(60).optional(),
    memory_mib: z.int().min(64).optional(),
  }),
} as const;

/** A reward that was declared as data, with names as the training script reads them. */
export const rewardSchema = z
  .discriminatedUnion("kind", [
    schemas.numeric,
    schemas.exact,
    schemas["json-schema"],
    schemas["tool-call"],
    schemas["code-tests"],
  ])
  .superRefine((reward, context) => {
    const hasColumn = reward.column != null;
    if (reward.kind !== "json-schema") {
      if (!hasColumn) context.addIssue({ code: "custom", message: "is missing", path: ["column"] });
      return;
    }
    if (hasColumn === (reward.schema !== undefined))
      context.addIssue({ code: "custom", message: "give either column or schema", path: ["column"] });
    const problem = reward.schema === undefined ? null : schemaProblem(reward.schema);
    if (problem !== null) context.addIssue({ code: "custom", message: problem, path: ["schema"] });
  });

/** A GRPO reward as data: `numeric`, `exact`, `json-schema`, `tool-call` or `code-tests`, with its options. */
export interface RewardDeclaration {
  readonly kind: string;
  /** Column of the row with the right answer. */
  readonly column?: string | null;
  /** `tool-call`: column with the tools that may be called. */
  readonly tools_column?: string;
  /** @default 1 */
  readonly weight?: number;
  readonly [option: string]: unknown;
}

export type Reward = z.output<typeof rewardSchema>;
export type RewardKind = Reward["kind"];
