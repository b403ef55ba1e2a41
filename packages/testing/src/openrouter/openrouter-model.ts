import { z } from "zod";
import type { ScriptedModel } from "../models/scripted-model.ts";
import { checkScriptedModel } from "../models/scripted-model.ts";
import { twinOptionError } from "../twin/twin.ts";

/** One provider that serves a model. */
export interface OpenRouterProvider {
  readonly name: string;
  /** 0 = healthy, negative = down or not to be used. @default 0 */
  readonly status?: 0 | -1 | -2 | -3 | -5 | -10;
  /** @default 100 */
  readonly uptimePercent?: number;
  readonly quantization?: string;
}

/** A model of the catalogue: how it answers, and what the lists say about it. */
export interface OpenRouterModel extends ScriptedModel {
  /** @default the id */
  readonly canonicalSlug?: string;
  /** @default one healthy provider named "Twin" */
  readonly providers?: readonly OpenRouterProvider[];
  /** Lists the price as variable (`-1`), as `openrouter/auto` does. @default false */
  readonly hasVariablePrice?: boolean;
  /** Day on which it leaves the catalogue (`YYYY-MM-DD`). */
  readonly expirationDate?: string;
}

const partSchema = z.strictObject({
  canonicalSlug: z.string().min(1).optional(),
  providers: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        status: z.literal([0, -1, -2, -3, -5, -10]).optional(),
        uptimePercent: z.number().min(0).max(100).optional(),
        quantization: z.string().optional(),
      }),
    )
    .optional(),
  hasVariablePrice: z.boolean().optional(),
  expirationDate: z.iso.date().optional(),
});

/** Throws `testing/twin-option` naming what is wrong. */
export function checkOpenRouterModel(model: OpenRouterModel): OpenRouterModel {
  const { canonicalSlug, providers, hasVariablePrice, expirationDate, ...script } = model;
  checkScriptedModel("openrouter", script);
  const result = partSchema.safeParse({ canonicalSlug, providers, hasVariablePrice, expirationDate });
  if (!result.success) {
    throw twinOptionError("openrouter", z.prettifyError(result.error), "correct the model.");
  }
  if (!/^[^/\s]+\/[^/\s]+$/.test(model.id)) {
    throw twinOptionError("openrouter", `${model.id} is not a model id.`, "name it author/slug.");
  }
  return model;
}

/** Without the fields only the catalogue knows. */
export function scriptOf(model: OpenRouterModel): ScriptedModel {
  const { canonicalSlug, providers, hasVariablePrice, expirationDate, ...script } = model;
  return script;
}

export function providersOf(model: OpenRouterModel): readonly OpenRouterProvider[] {
  return model.providers ?? [{ name: "Twin" }];
}
