// Runs in a process of its own: llama.cpp writes its log to stderr and ends the process when an assertion fails.
import type { QuantizeAnswer, QuantizeTask } from "./quantize-messages.ts";
import {
  QUANTIZE_PARAMETERS_LAYOUT,
  type QuantizeParameters,
  unexpectedDefault,
} from "./quantize-parameters.ts";

async function quantize(task: QuantizeTask): Promise<QuantizeAnswer> {
  const { load, struct } = await import("koffi");
  load(task.libraries.ggmlBase, { global: true });
  const llama = load(task.libraries.llama);
  const parametersType = struct("llama_model_quantize_params", QUANTIZE_PARAMETERS_LAYOUT);
  const readDefaults = llama.func("llama_model_quantize_default_params", parametersType, []);
  const defaults = readDefaults() as QuantizeParameters;
  const difference = unexpectedDefault(defaults);
  if (difference !== null) return { kind: "unknown-library", difference };
  const run = llama.func(
    "uint32_t llama_model_quantize(const char *input, const char *output, const llama_model_quantize_params *params)",
  );
  const parameters = { ...defaults, ftype: task.fileType, nthread: task.threads, dry_run: task.isDryRun };
  return { kind: "finished", result: Number(run(task.inputPath, task.outputPath, parameters)) };
}

/** Without its parent the work is for nobody. */
process.once("disconnect", () => process.exit(1));

process.once("message", (task: QuantizeTask) => {
  quantize(task).then(
    (answer) => process.send?.(answer, () => process.exit(0)),
    (error: unknown) => process.send?.({ kind: "error", message: String(error) }, () => process.exit(1)),
  );
});
