import type { HardwareOffer } from "../contract/training-backend.ts";
import { acceleratorSpeed } from "./accelerators.ts";
import type { ModelFacts } from "./model-facts.ts";

/** Small steps are bound by overhead, not by arithmetic. */
const GPU_SECONDS_PER_MICRO_STEP = 1 / 7;
const CPU_SECONDS_PER_MICRO_STEP = 0.02;
/** Unpacking 4-bit weights for forward, recomputed forward and backward pass on an A100, whatever the rows: fitted to the
 * published 7 B runs of 512 and 2,048 tokens. */
const UNPACKING_SECONDS_PER_PARAMETER = 2.27e-11;
/** Reached by torch on a desktop core with the small matrices of small models, and with large ones. */
const CPU_GFLOPS_SMALL = 30;
const CPU_GFLOPS_LARGE = 45;
const MAX_USEFUL_CORES = 16;
const LOCAL_START_SECONDS = 25;
/** Scheduling, 2.9 GB of wheels, model download and upload on a remote machine. */
const REMOTE_START_SECONDS = 720;
const WITHOUT_FAST_GENERATION = 8;

export interface TimeQuestion {
  readonly model: ModelFacts;
  readonly method: "sft" | "dpo" | "grpo";
  readonly adapter: "lora" | "qlora" | "full";
  readonly hardware: HardwareOffer;
  readonly steps: number;
  /** Rows of one step on all devices, accumulation included. */
  readonly rowsPerStep: number;
  readonly microStepsPerStep: number;
  /** Tokens of a row as it is computed: padded to its batch. */
  readonly tokensPerRow: number;
  readonly hasCheckpointing: boolean;
}

export interface TimeEstimate {
  readonly startSeconds: number;
  readonly trainingSeconds: number;
  readonly tokensPerSecond: number;
  readonly basis: string;
}

/** Floating-point operations per parameter and token: 2 forward, 4 backward (2 when most weights are frozen), 2 again with checkpointing. */
export function operationsPerParameter(
  question: Pick<TimeQuestion, "method" | "adapter" | "hasCheckpointing">,
): number {
  const base = (question.adapter === "full" ? 6 : 4) + (question.hasCheckpointing ? 2 : 0);
  // The reference model's forward pass; the second answer is counted in the tokens.
  return question.method === "dpo" ? base + 2 : base;
}

/** Tokens per second that one machine trains at. */
export function trainingTokensPerSecond(
  question: Omit<TimeQuestion, "steps" | "rowsPerStep" | "microStepsPerStep" | "tokensPerRow">,
): number {
  const { hardware, model, adapter } = question;
  const operations = operationsPerParameter(question) * model.parameters;
  if (!hardware.accelerator) return (cpuGflops(hardware.cpuCores, model) * 1e9) / operations;
  const speed = acceleratorSpeed(hardware.accelerator.model);
  return (speed.efficiency[adapter] * speed.peakTflops * 1e12 * hardware.accelerator.count) / operations;
}

/** How long a run takes, start included. The arithmetic is tokens × operations ÷ speed; the efficiencies are fitted to published runs. */
export function estimateTime(question: TimeQuestion): TimeEstimate {
  const { hardware, steps, rowsPerStep, microStepsPerStep, tokensPerRow, method } = question;
  const tokensPerSecond = trainingTokensPerSecond(question);
  const secondsOfTokens = (rowsPerStep * tokensPerRow) / tokensPerSecond;
  const overhead =
    microStepsPerStep * (hardware.accelerator ? GPU_SECONDS_PER_MICRO_STEP : CPU_SECONDS_PER_MICRO_STEP);
  const unpacking =
    question.adapter === "qlora" && hardware.accelerator
      ? (microStepsPerStep * UNPACKING_SECONDS_PER_PARAMETER * question.model.parameters) /
        acceleratorSpeed(hardware.accelerator.model).memorySpeed
      : 0;
  const computing = secondsOfTokens + unpacking;
  const perStep = hardware.accelerator ? Math.max(computing, overhead) : computing + overhead;
  const generation = method === "grpo" ? WITHOUT_FAST_GENERATION : 1;
  const isLocal = hardware.priceSource.kind === "free";
  return {
    startSeconds: isLocal ? LOCAL_START_SECONDS : REMOTE_START_SECONDS,
    trainingSeconds: steps * perStep * generation,
    tokensPerSecond: Math.round((rowsPerStep * tokensPerRow) / perStep),
    basis: hardware.accelerator
      ? `${acceleratorSpeed(hardware.accelerator.model).basis} throughput of ${hardware.accelerator.model}`
      : `about ${Math.round(cpuGflops(1, question.model))} GFLOP/s per core, measured on small models`,
  };
}

function cpuGflops(cores: number, model: ModelFacts): number {
  // Wider layers use a core better; in between it grows with the width.
  const width = Math.min(1, Math.max(0, ((model.hiddenSize ?? 512) - 512) / 1536));
  return (
    Math.min(cores, MAX_USEFUL_CORES) * (CPU_GFLOPS_SMALL + width * (CPU_GFLOPS_LARGE - CPU_GFLOPS_SMALL))
  );
}
