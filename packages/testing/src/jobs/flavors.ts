/** A row of `GET /api/jobs/hardware`: figures are text with units. */
export interface JobFlavor {
  readonly name: string;
  readonly prettyName: string;
  readonly cpu: string;
  readonly ram: string;
  readonly ephemeralStorage: string;
  readonly accelerator: {
    readonly type: "gpu";
    readonly model: string;
    readonly quantity: string;
    readonly vram: string;
    readonly manufacturer: "Nvidia";
  } | null;
  readonly unitCostMicroUSD: number;
  readonly unitCostUSD: number;
  readonly unitLabel: "minute";
}

type Row = readonly [string, string, number, number, number, string | null, number, number, number];

/** Name, title, vCPU, GB of memory, GB of disk, card, cards, GB of each, USD per hour (as published in August 2026). */
const ROWS: readonly Row[] = [
  ["cpu-basic", "CPU Basic", 2, 16, 50, null, 0, 0, 0.01],
  ["cpu-upgrade", "CPU Upgrade", 8, 32, 50, null, 0, 0, 0.03],
  ["cpu-performance", "CPU Performance", 32, 256, 1024, null, 0, 0, 1.9],
  ["cpu-xl", "CPU XL", 16, 124, 1000, null, 0, 0, 1],
  ["t4-small", "Nvidia T4 - small", 4, 15, 50, "T4", 1, 16, 0.4],
  ["t4-medium", "Nvidia T4 - medium", 8, 30, 100, "T4", 1, 16, 0.6],
  ["l4x1", "1x Nvidia L4", 8, 30, 400, "L4", 1, 24, 0.8],
  ["l4x4", "4x Nvidia L4", 48, 186, 3200, "L4", 4, 24, 3.8],
  ["l40sx1", "1x Nvidia L40S", 8, 62, 380, "L40S", 1, 48, 1.8],
  ["l40sx4", "4x Nvidia L40S", 48, 382, 3200, "L40S", 4, 48, 8.3],
  ["l40sx8", "8x Nvidia L40S", 192, 1534, 6500, "L40S", 8, 48, 23.5],
  ["a10g-small", "Nvidia A10G - small", 4, 15, 110, "A10G", 1, 24, 1],
  ["a10g-large", "Nvidia A10G - large", 12, 46, 200, "A10G", 1, 24, 1.5],
  ["a10g-largex2", "2x Nvidia A10G - large", 24, 92, 1000, "A10G", 2, 24, 3],
  ["a10g-largex4", "4x Nvidia A10G - large", 48, 184, 2000, "A10G", 4, 24, 5],
  ["a100-large", "Nvidia A100 - large", 12, 142, 1000, "A100", 1, 80, 2.5],
  ["a100x4", "4x Nvidia A100", 48, 568, 4000, "A100", 4, 80, 10],
  ["a100x8", "8x Nvidia A100", 96, 1136, 8000, "A100", 8, 80, 20],
  ["h200", "Nvidia H200", 23, 256, 3000, "H200", 1, 141, 5],
  ["h200x2", "2x Nvidia H200", 46, 512, 6000, "H200", 2, 141, 10],
  ["h200x4", "4x Nvidia H200", 92, 1024, 12000, "H200", 4, 141, 20],
  ["h200x8", "8x Nvidia H200", 184, 2048, 24000, "H200", 8, 141, 40],
  ["rtx-pro-6000", "Nvidia RTX PRO 6000", 23, 256, 475, "RTX PRO 6000", 1, 96, 2.75],
  ["rtx-pro-6000x2", "2x Nvidia RTX PRO 6000", 46, 512, 950, "RTX PRO 6000", 2, 96, 5.5],
  ["rtx-pro-6000x4", "4x Nvidia RTX PRO 6000", 92, 1024, 1900, "RTX PRO 6000", 4, 96, 11],
  ["rtx-pro-6000x8", "8x Nvidia RTX PRO 6000", 184, 2048, 3800, "RTX PRO 6000", 8, 96, 22],
];

export function defaultFlavors(): readonly JobFlavor[] {
  return ROWS.map(([name, prettyName, cpu, ram, disk, model, quantity, vram, usdPerHour]) => {
    const unitCostMicroUSD = Math.round((usdPerHour * 1e6) / 60);
    return {
      name,
      prettyName,
      cpu: `${cpu} vCPU`,
      ram: `${ram} GB`,
      ephemeralStorage: `${disk} GB`,
      // The memory of all cards together.
      accelerator: model
        ? {
            type: "gpu",
            model,
            quantity: String(quantity),
            vram: `${vram * quantity} GB`,
            manufacturer: "Nvidia",
          }
        : null,
      unitCostMicroUSD,
      unitCostUSD: unitCostMicroUSD / 1e6,
      unitLabel: "minute",
    };
  });
}
