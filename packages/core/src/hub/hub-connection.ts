import { fileDownloadInfo } from "@huggingface/hub";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { hubError } from "./hub-error.ts";

/** How to reach a Hub: what the client library takes with every call. */
export interface HubConnection {
  readonly hubUrl: string;
  readonly token: string;
  readonly fetch: typeof globalThis.fetch;
}

/** The public Hub, unless `HF_ENDPOINT` names another. */
export function defaultHubUrl(): string {
  return (process.env.HF_ENDPOINT ?? "https://huggingface.co").replace(/\/+$/, "");
}

/** The arguments of a library call; the library itself takes no signal. */
export function callOptions(
  connection: HubConnection,
  signal?: AbortSignal,
): { hubUrl: string; accessToken: string; fetch: typeof globalThis.fetch } {
  const { fetch } = connection;
  return {
    hubUrl: connection.hubUrl,
    accessToken: connection.token,
    fetch: (input, init) => fetch(input, { ...init, signal: signal ?? init?.signal }),
  };
}

/**
 * Rejects with `hub/…` when the token may not load the model: it does not exist, is private, or is gated. Seeing a
 * gated model's page is no proof, so its configuration is asked for.
 */
export async function requireReadableModel(
  connection: HubConnection,
  model: { readonly name: string; readonly revision: string | null },
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const subject = `model ${model.name}`;
  try {
    const found = await fileDownloadInfo({
      repo: { type: "model", name: model.name },
      path: "config.json",
      revision: model.revision ?? "main",
      ...callOptions(connection, options.signal),
    });
    if (found) return;
  } catch (error) {
    options.signal?.throwIfAborted();
    throw hubError(error, subject);
  }
  throw new ModelOpsError({
    code: "hub/not-a-model",
    message: `${model.name} has no config.json.`,
    reason: "It is not a model of the transformers library.",
    fix: "choose a model with config.json, tokenizer and safetensors weights.",
  });
}

/** A repository id as the Hub allows it: `owner/name`. */
export function isRepositoryId(id: string): boolean {
  return /^[\w.-]{1,96}\/[\w.-]{1,96}$/.test(id) && !/\.\.|--|(^|\/)[.-]|[.-](\/|$)/.test(id);
}

/** @throws ModelOpsError `hub/invalid-repository` */
export function requireRepositoryId(id: string, subject: string): string {
  if (isRepositoryId(id)) return id;
  throw new ModelOpsError({
    code: "hub/invalid-repository",
    message: `${subject} ${JSON.stringify(id).slice(0, 140)} is no repository id.`,
    reason: "A Hub id has the form owner/name, each part letters, digits, dots, hyphens and underscores.",
    fix: "write it as on the Hub.",
  });
}

/**
 * A commit: what lies under it never changes, and it may name a folder.
 * @throws ModelOpsError `hub/invalid-commit`
 */
export function requireCommit(revision: string): string {
  if (/^[0-9a-f]{40}$/.test(revision)) return revision;
  throw new ModelOpsError({
    code: "hub/invalid-commit",
    message: `${JSON.stringify(revision).slice(0, 140)} is no commit.`,
    reason: "Branches and tags move, so nothing can be kept under their names.",
    fix: "give the 40 digits of a commit, such as `revision` of repoDetails.",
  });
}
