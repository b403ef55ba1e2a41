import type { HardwareOffer } from "../../../contract/training-backend.ts";
import type { WireHardware } from "./job-wire.ts";

const HOURS: Readonly<Record<string, number>> = { second: 3600, minute: 60, hour: 1 };

/**
 * The live list as offers. A row whose price or size cannot be read is left out: nobody should be quoted a guess. So
 * are accelerators that the training scripts cannot use.
 */
export function toOffers(rows: WireHardware): readonly HardwareOffer[] {
  return rows.flatMap((row): HardwareOffer[] => {
    const perHour = HOURS[row.unitLabel ?? ""];
    const cpuCores = leadingNumber(row.cpu);
    const memoryGiB = gigabytes(row.ram);
    if (perHour === undefined || row.unitCostUSD == null || cpuCores === null || memoryGiB === null)
      return [];
    const accelerator = toAccelerator(row.accelerator ?? null);
    if (accelerator === undefined) return [];
    return [
      {
        id: row.name,
        title: accelerator
          ? `${accelerator.count > 1 ? `${accelerator.count} × ` : ""}${accelerator.model} (${row.name})`
          : `CPU, ${cpuCores} cores (${row.name})`,
        accelerator,
        cpuCores,
        memoryGiB,
        diskGiB: gigabytes(row.ephemeralStorage) ?? 0,
        // Cents per minute, such as 0.025, must not show as 1.4999999 per hour.
        costUsdPerHour: Number((row.unitCostUSD * perHour).toPrecision(6)),
        priceSource: { kind: "live" },
      },
    ];
  });
}

/** Null = CPU only; undefined = nothing that can be trained on. */
function toAccelerator(
  row: NonNullable<WireHardware[number]["accelerator"]> | null,
): HardwareOffer["accelerator"] | undefined {
  if (row === null) return null;
  const count = leadingNumber(String(row.quantity ?? "1"));
  const totalGiB = gigabytes(row.vram);
  if (row.type !== "gpu" || !row.model || !count || !totalGiB) return undefined;
  const maker = row.manufacturer && !row.model.includes(row.manufacturer) ? `${row.manufacturer} ` : "";
  // The service states the memory of all cards together.
  return { model: `${maker}${row.model}`, count, memoryGiB: totalGiB / count };
}

function leadingNumber(text: string | null | undefined): number | null {
  const value = Number.parseFloat(text ?? "");
  return Number.isFinite(value) ? value : null;
}

function gigabytes(text: string | null | undefined): number | null {
  const value = leadingNumber(text);
  if (value === null) return null;
  if (/\bT/i.test((text ?? "").replace(/^[\d.\s]+/, " "))) return value * 1000;
  return value;
}
