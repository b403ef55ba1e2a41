import type { HardwareOffer } from "../contract/training-backend.ts";

/** When the prices below were read. */
export const CATALOGUE_DATE = "2026-08-15";

type Row = readonly [
  id: string,
  cores: number,
  memoryGiB: number,
  diskGiB: number,
  gpu: string | null,
  count: number,
  gpuGiB: number,
  usdPerHour: number,
];

/** Hugging Face Jobs hardware: the fallback for when the live list cannot be read. Memory of GPUs is per card. */
const ROWS: readonly Row[] = [
  ["cpu-basic", 2, 16, 50, null, 0, 0, 0.01],
  ["cpu-upgrade", 8, 32, 50, null, 0, 0, 0.03],
  ["cpu-performance", 32, 256, 1024, null, 0, 0, 1.9],
  ["cpu-xl", 16, 124, 1000, null, 0, 0, 1],
  ["t4-small", 4, 15, 50, "Nvidia T4", 1, 16, 0.4],
  ["t4-medium", 8, 30, 100, "Nvidia T4", 1, 16, 0.6],
  ["l4x1", 8, 30, 400, "Nvidia L4", 1, 24, 0.8],
  ["l4x4", 48, 186, 3200, "Nvidia L4", 4, 24, 3.8],
  ["l40sx1", 8, 62, 380, "Nvidia L40S", 1, 48, 1.8],
  ["l40sx4", 48, 382, 3200, "Nvidia L40S", 4, 48, 8.3],
  ["l40sx8", 192, 1534, 6500, "Nvidia L40S", 8, 48, 23.5],
  ["a10g-small", 4, 15, 110, "Nvidia A10G", 1, 24, 1],
  ["a10g-large", 12, 46, 200, "Nvidia A10G", 1, 24, 1.5],
  ["a10g-largex2", 24, 92, 1000, "Nvidia A10G", 2, 24, 3],
  ["a10g-largex4", 48, 184, 2000, "Nvidia A10G", 4, 24, 5],
  ["a100-large", 12, 142, 1000, "Nvidia A100", 1, 80, 2.5],
  ["a100x4", 48, 568, 4000, "Nvidia A100", 4, 80, 10],
  ["a100x8", 96, 1136, 8000, "Nvidia A100", 8, 80, 20],
  ["h200", 23, 256, 3000, "Nvidia H200", 1, 141, 5],
  ["h200x2", 46, 512, 6000, "Nvidia H200", 2, 141, 10],
  ["h200x4", 92, 1024, 12000, "Nvidia H200", 4, 141, 20],
  ["h200x8", 184, 2048, 24000, "Nvidia H200", 8, 141, 40],
  ["rtx-pro-6000", 23, 256, 475, "Nvidia RTX PRO 6000", 1, 96, 2.75],
  ["rtx-pro-6000x2", 46, 512, 950, "Nvidia RTX PRO 6000", 2, 96, 5.5],
  ["rtx-pro-6000x4", 92, 1024, 1900, "Nvidia RTX PRO 6000", 4, 96, 11],
  ["rtx-pro-6000x8", 184, 2048, 3800, "Nvidia RTX PRO 6000", 8, 96, 22],
];

/** The dated list of remote hardware. */
export function hardwareSnapshot(): readonly HardwareOffer[] {
  return ROWS.map(([id, cpuCores, memoryGiB, diskGiB, model, count, gpuGiB, costUsdPerHour]) => ({
    id,
    title: model ? `${count > 1 ? `${count} × ` : ""}${model} (${id})` : `CPU, ${cpuCores} cores (${id})`,
    accelerator: model ? { model, count, memoryGiB: gpuGiB } : null,
    cpuCores,
    memoryGiB,
    diskGiB,
    costUsdPerHour,
    priceSource: { kind: "snapshot", date: CATALOGUE_DATE },
  }));
}
