import type { TrainingFailure } from "../contract/training-backend.ts";

/** What to do about each diagnosis of the training script and of the backends. */
const FIXES: Readonly<Record<string, string>> = {
  out_of_memory:
    "go down this ladder: batchSize 1 with more gradientAccumulationSteps, a smaller maxLength, LoRA, QLoRA, hardware with more memory.",
  no_disk_space:
    "free disk space, or raise saveSteps so that fewer checkpoints are written; then start the same run again.",
  nan_loss: "lower learningRate, add warmupSteps, or use bf16 or fp32 instead of fp16.",
  gated_model: "ask for access on the model's page and give a token of that account.",
  model_not_found: "check the spelling of baseModel, or give the folder that holds it.",
  dataset_invalid: "correct the named rows, then start the run again.",
  no_trainable_tokens:
    "raise maxLength or shorten the prompts, so that some of the answer is left to learn from.",
  config_invalid: "correct the named setting.",
  dead_reward:
    "check that the rewards can tell good completions from bad ones, and raise the temperature or numGenerations.",
  timeout:
    "start the same run again: it goes on from its last checkpoint. Give it a larger timeoutMs, or fewer steps.",
  killed:
    "often the system ended it for lack of memory: lower batchSize or maxLength. Start the same run again: it goes on from its last checkpoint.",
  no_credits:
    "add credit to the account (or use a namespace that has some), then start the run again: it goes on from its last checkpoint.",
  not_scheduled: "choose other hardware, name fallbackHardware, or raise schedulingTimeoutMs.",
  space_asleep:
    "open the Space's page and look at its build and its hardware; start the run again when it answers. Jobs do not depend on a Space: see hfJobs().",
  lost_on_restart:
    "start the run again: the Space keeps its jobs in its process only. Jobs do not get lost that way: see hfJobs().",
  space_stuck:
    "restart the Space, then start the run again, or give it a larger timeoutMs. The Space's log says what it does.",
  no_report: "read its last words and the run's log file; start the same run again when the cause is gone.",
  artifact_invalid: "start the same run again: it goes on from its last checkpoint.",
};

const FALLBACK = "read the message and the run's log; start the same run again when the cause is gone.";

/** A failure with its fix. Diagnoses that are not known keep their name. */
export function describeFailure(diagnosis: string, message: string): TrainingFailure {
  return { diagnosis, message, fix: FIXES[diagnosis] ?? FALLBACK };
}
