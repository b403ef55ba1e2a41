import { z } from "zod";
import { parseOrThrow } from "../errors/from-zod.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { Hub } from "../hub/hub.ts";
import type { RepoDetails } from "../hub/repo-details.ts";
import { type BaseModel, type BaseModelLookup, parametersFromName } from "./base-model.ts";

/** A fine-tuned model is a derivative, which these do not allow to be passed on. */
const NO_DERIVATIVES = /(^|-)nd(-|$)/;
const NON_COMMERCIAL = /(^|-)nc(-|$)|non-?commercial|research/;

const policySchema = z.strictObject({
  allow: z.array(z.string().min(1)).optional(),
  refuse: z.array(z.string().min(1)).optional(),
});

/** Which licences base models may have, by the Hub's names (`apache-2.0`, `llama3.1`, `other` …). */
export interface LicensePolicy {
  /** Only these; a model that states none is refused, too. Default: all but those that forbid derivatives. */
  readonly allow?: readonly string[];
  /** Not these. */
  readonly refuse?: readonly string[];
}

/**
 * Looks base models up on the Hub before anything is planned: they exist, their licence allows it, this token may load
 * them, their weights are safetensors, and their size is counted. Pins the commit it looked at.
 * @throws ModelOpsError `hub/not-found`, `hub/gated` (with `details.url`), `hub/disabled`, `hub/no-access`,
 * `training/license`, `training/base-model`
 */
export function hubBaseModels(
  hub: Hub,
  options: {
    readonly licenses?: LicensePolicy;
    /** Folder where tokenizers are kept, so that tokens are counted. Default: none are fetched, and tokens are estimated. */
    readonly tokenizerFolder?: string;
  } = {},
): BaseModelLookup {
  const policy = parseOrThrow(policySchema, options.licenses ?? {}, {
    code: "config/licenses",
    subject: "The licence policy",
  });
  return async (id, { revision, signal }) => {
    const details = await hub.repoDetails(id, { revision, ...(signal ? { signal } : {}) });
    if (details.model?.canRead === false) throw gatedError(details);
    checkFiles(details);
    checkLicense(details, policy);
    const model = toBaseModel(details);
    const { tokenizerFolder: folder } = options;
    if (folder === undefined || details.revision === null) return model;
    return {
      ...model,
      tokenizer: await tokenizerOf(hub, details.id, { revision: details.revision, folder, signal }),
    };
  };
}

/** A plan can do without exact counts: why there are none is told beside the estimate. */
async function tokenizerOf(
  hub: Hub,
  id: string,
  options: { readonly revision: string; readonly folder: string; readonly signal: AbortSignal | undefined },
): Promise<NonNullable<BaseModel["tokenizer"]>> {
  const { signal, ...wanted } = options;
  try {
    return { folder: await hub.saveTokenizer(id, { ...wanted, ...(signal ? { signal } : {}) }) };
  } catch (error) {
    signal?.throwIfAborted();
    if (ModelOpsError.isInstance(error)) return { problem: `${error.message} (${error.code})` };
    throw error;
  }
}

function checkFiles(details: RepoDetails): void {
  const paths = details.files.map((file) => file.path);
  const has = (test: RegExp) => paths.some((path) => test.test(path));
  if (!has(/^config\.json$/)) {
    const reason = has(/^adapter_config\.json$/)
      ? "It holds an adapter, not a whole model."
      : has(/\.gguf$/i)
        ? "It holds GGUF files, which can be served but not trained."
        : "It has no config.json.";
    throw unusable(
      details,
      reason,
      "choose a transformers model; for an adapter or a GGUF, the model it was made from.",
    );
  }
  if (!has(/^[^/]*\.safetensors$/)) {
    throw unusable(
      details,
      "It has no safetensors weights: pickled ones may run code when they are loaded.",
      "choose a model with safetensors weights, or convert it first.",
    );
  }
  if (!has(/^(tokenizer\.json|tokenizer\.model|vocab\.json)$/))
    throw unusable(details, "It has no tokenizer.", "choose a model with a tokenizer.");
}

function checkLicense(details: RepoDetails, policy: LicensePolicy): void {
  const { license } = details;
  const refuse = (reason: string, fix: string) => {
    throw new ModelOpsError({
      code: "training/license",
      message: `The licence of ${details.id} does not allow this${license === null ? "" : `: ${license}`}.`,
      reason,
      fix,
      details: { license, licenseName: details.licenseName, url: details.licenseUrl ?? details.url },
    });
  };
  if (policy.allow && (license === null || !policy.allow.includes(license)))
    refuse(
      license === null
        ? "It states no licence, and only named ones are allowed here."
        : `Allowed here are ${policy.allow.join(", ")}.`,
      "choose a model under one of them, or add this licence to those allowed.",
    );
  if (license !== null && policy.refuse?.includes(license))
    refuse("This installation refuses it.", "choose a model under another licence.");
  if (!policy.allow && license !== null && NO_DERIVATIVES.test(license.toLowerCase()))
    refuse(
      "It forbids derivatives, and a fine-tuned model is one.",
      "choose a model under another licence, or allow this one by name if you have its owner's permission.",
    );
}

function toBaseModel(details: RepoDetails): BaseModel {
  const { model, license } = details;
  const counted = model?.parameters ?? null;
  const parameters = counted ?? parametersFromName(details.id);
  if (parameters === null) {
    throw unusable(
      details,
      "Neither the Hub nor its safetensors headers nor its name say how large it is, so nothing can be quoted.",
      "download it and give its folder.",
    );
  }
  return {
    id: details.id,
    folder: null,
    revision: details.revision,
    fingerprint: null,
    architecture: model?.architecture ?? null,
    license,
    sizeBytes: weightBytes(details),
    parameters,
    parametersFrom: counted === null ? "name" : "weights",
    layers: model?.layers ?? null,
    hiddenSize: model?.hiddenSize ?? null,
    vocabularySize: model?.vocabularySize ?? null,
    contextLength: model?.contextLength ?? null,
    hasChatTemplate: model?.hasChatTemplate ?? null,
    warnings: warningsOf(details),
  };
}

function warningsOf(details: RepoDetails): readonly string[] {
  const { license, renamedFrom } = details;
  const warnings: string[] = [];
  if (renamedFrom !== null)
    warnings.push(
      `${renamedFrom} is now called ${details.id}. Fix: use the new name; the old one may be taken.`,
    );
  if (license === null)
    warnings.push(
      `${details.id} states no licence: whether it may be trained is not known. Fix: ask its owner, or see ${details.url}.`,
    );
  else if (license === "other" || license === "unknown")
    warnings.push(
      `${details.id} has a licence of its own${details.licenseName ? ` (${details.licenseName})` : ""}. Fix: read it at ${details.licenseUrl ?? details.url}.`,
    );
  else if (NON_COMMERCIAL.test(license.toLowerCase()))
    warnings.push(
      `${details.id} may not be used commercially (${license}), nor may what is trained from it.`,
    );
  return warnings;
}

/** Of the safetensors at the root: what a machine has to fetch. */
function weightBytes(details: RepoDetails): number | null {
  const weights = details.files.filter((file) => /^[^/]*\.safetensors$/.test(file.path));
  if (weights.length === 0 || weights.some((file) => file.sizeBytes === null)) return null;
  return weights.reduce((sum, file) => sum + (file.sizeBytes ?? 0), 0);
}

function gatedError(details: RepoDetails): ModelOpsError {
  return new ModelOpsError({
    code: "hub/gated",
    message: `The model ${details.id} is gated, and this token may not load it.`,
    reason:
      details.gated === "manual"
        ? "Its owner admits people one by one."
        : "Only accounts that have accepted its terms may load it.",
    fix: `open ${details.url}, ask for access, and use a token of that account.`,
    details: { url: details.url, gated: details.gated },
  });
}

function unusable(details: RepoDetails, reason: string, fix: string): ModelOpsError {
  return new ModelOpsError({
    code: "training/base-model",
    message: `${details.id} cannot be trained from.`,
    reason,
    fix,
    details: { url: details.url },
  });
}
