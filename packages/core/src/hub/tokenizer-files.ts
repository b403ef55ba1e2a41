import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { downloadFile } from "@huggingface/hub";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { writeFileAtomically } from "../files/atomic-write.ts";
import { callOptions, type HubConnection } from "./hub-connection.ts";
import { hubError } from "./hub-error.ts";

/** The largest known ones have 35 MB; more is no tokenizer, and would be read into memory whole. */
const MOST_BYTES = 64 * 1024 * 1024;

/**
 * Saves the tokenizer of a model at a commit into `<folder>/<owner>--<name>/<commit>`, once, and gives that folder.
 * @throws ModelOpsError `hub/not-found` when there is no tokenizer.json, `hub/file-too-large`, and what else `hub/…` says
 */
export async function saveTokenizer(
  connection: HubConnection,
  options: {
    readonly id: string;
    readonly revision: string;
    readonly folder: string;
    readonly timeoutMs: number;
    readonly signal?: AbortSignal;
  },
): Promise<string> {
  const { id, revision, signal } = options;
  const folder = join(options.folder, id.replace("/", "--"), revision);
  if (existsSync(join(folder, "tokenizer.json"))) return folder;
  const timeout = AbortSignal.timeout(options.timeoutMs);
  const call = callOptions(connection, signal ? AbortSignal.any([signal, timeout]) : timeout);
  const read = async (path: string) => {
    const blob = await downloadFile({ repo: { type: "model", name: id }, path, revision, ...call });
    if (blob && blob.size > MOST_BYTES) throw tooLarge(id, path, blob.size);
    return blob && new Uint8Array(await blob.arrayBuffer());
  };
  try {
    const tokenizer = await read("tokenizer.json");
    if (!tokenizer) {
      throw new ModelOpsError({
        code: "hub/not-found",
        message: `The model ${id} has no file tokenizer.json.`,
        fix: "choose a model with a tokenizer of this kind, or go without exact counts.",
      });
    }
    const settings = await read("tokenizer_config.json");
    await mkdir(folder, { recursive: true });
    if (settings) await writeFileAtomically(join(folder, "tokenizer_config.json"), settings);
    // Last: where it stands, everything does.
    await writeFileAtomically(join(folder, "tokenizer.json"), tokenizer);
    return folder;
  } catch (error) {
    signal?.throwIfAborted();
    throw ModelOpsError.isInstance(error) ? error : hubError(error, `tokenizer of ${id}`);
  }
}

function tooLarge(id: string, path: string, sizeBytes: number): ModelOpsError {
  return new ModelOpsError({
    code: "hub/file-too-large",
    message: `${path} of ${id} has ${sizeBytes} bytes, more than the ${MOST_BYTES} that are read.`,
    fix: "choose a model with a usual tokenizer, or go without exact counts.",
  });
}
