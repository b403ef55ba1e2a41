import type { HardwareOffer } from "../contract/training-backend.ts";
import { loraParameters, type ModelFacts } from "./model-facts.ts";

const GIB = 1024 ** 3;
/** Python packages with CUDA, unpacked beside their downloads; measured 5.6 GB for the pinned set. */
const PACKAGES_BYTES = 8e9;
/** Checkpoints that are kept while a run goes on, and the result. */
const COPIES = 4;

/**
 * Disk that a run takes in GiB: packages, the base model, and its checkpoints (weights and the optimizer's two moments)
 * with the result. Machines with 50 GB hold a 7 B model with LoRA, not a full run of one.
 */
export function diskGiB(question: {
  readonly model: ModelFacts;
  /** Of the base model's files, where it is known. */
  readonly modelBytes: number | null;
  readonly adapter: "lora" | "qlora" | "full";
  readonly rank: number;
  /** The base model is on this machine already, and the packages are accounted for by its backend. */
  readonly isPrepared: boolean;
}): number {
  const { model, adapter, rank, isPrepared } = question;
  const modelBytes = question.modelBytes ?? 2 * model.parameters;
  const trained = adapter === "full" ? model.parameters : loraParameters(model, rank);
  const checkpoints = COPIES * 12 * trained;
  return ((isPrepared ? 0 : PACKAGES_BYTES + modelBytes) + checkpoints) / GIB;
}

/** Null = the machine does not say how much disk it has. */
export function fitsDisk(neededGiB: number, hardware: HardwareOffer): boolean | null {
  return hardware.diskGiB > 0 ? neededGiB <= hardware.diskGiB : null;
}
