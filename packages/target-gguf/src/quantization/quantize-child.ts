// Runs in a process of its own: llama.cpp writes its log to stderr and ends the process when an assertion fails.
import { CONTINUE, type QuantizeAnswer, type QuantizeTask } from "./quantize-messages.ts";
import {
  QUANTIZE_PARAMETERS_LAYOUT,
  type QuantizeParameters,
  unexpectedDefault,
} from "./quantize-parameters.ts";

const SIGNATURE =
  "uint32_t llama_model_quantize(const char *input, const char *output, const llama_model_quantize_params *params)";

/**
 * Makes writes to stderr wait for the reader. llama.cpp writes its log straight to the file descriptor, and what a
 * non-blocking pipe cannot take at once is lost, the line with the size among it.
 */
function keepWholeLog(): void {
  const { _handle: handle } = process.stderr as { _handle?: { setBlocking?: (isBlocking: boolean) => void } };
  handle?.setBlocking?.(true);
}

/** A handle that is collected unloads its library, while llama.cpp works in it or another one needs it. */
const keptLibraries: unknown[] = [];

function send(answer: QuantizeAnswer): Promise<void> {
  return new Promise((resolve) => process.send?.(answer, () => resolve()));
}

function nextMessage(): Promise<unknown> {
  return new Promise((resolve) => process.once("message", resolve));
}

async function serve(): Promise<void> {
  keepWholeLog();
  const task = (await nextMessage()) as QuantizeTask;
  const { load, struct } = await import("koffi");
  keptLibraries.push(load(task.libraries.ggmlBase, { global: true }));
  const llama = load(task.libraries.llama);
  keptLibraries.push(llama);
  const parametersType = struct("llama_model_quantize_params", QUANTIZE_PARAMETERS_LAYOUT);
  const defaults = llama.func(
    "llama_model_quantize_default_params",
    parametersType,
    [],
  )() as QuantizeParameters;
  const difference = unexpectedDefault(defaults);
  if (difference !== null) return send({ kind: "unknown-library", difference });
  const quantize = llama.func(SIGNATURE);
  // On another thread, so that the loss of the parent is noticed while llama.cpp works.
  const run = (isDryRun: boolean): Promise<number> =>
    new Promise((resolve, reject) => {
      const parameters = { ...defaults, ftype: task.fileType, nthread: task.threads, dry_run: isDryRun };
      quantize.async(task.inputPath, task.outputPath, parameters, (error: unknown, result: unknown) =>
        error ? reject(error) : resolve(Number(result)),
      );
    });
  const planned = await run(true);
  const word = nextMessage();
  await send({ kind: "planned", result: planned });
  if ((await word) === CONTINUE) await send({ kind: "finished", result: await run(false) });
}

// Without its parent the work is for nobody. exit() would wait for llama.cpp to finish on its thread.
process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));

serve().then(
  () => process.exit(0),
  (error: unknown) => send({ kind: "error", message: String(error) }).then(() => process.exit(1)),
);
