/** A machine of the provider list. */
export interface TwinCompute {
  readonly vendor: string;
  readonly region: string;
  readonly accelerator: "cpu" | "gpu" | "neuron";
  readonly instanceType: string;
  readonly instanceSize: string;
  readonly usdPerHour: number;
  /** @default "available" */
  readonly status?: "available" | "low_availability" | "not_available" | "reserved" | "deprecated";
  /** @default the number in the size */
  readonly numAccelerators?: number;
  readonly memoryGb?: number;
  readonly gpuMemoryGb?: number;
  /** @default 8 */
  readonly maxAccelerators?: number;
}

const aws = (
  accelerator: TwinCompute["accelerator"],
  instanceType: string,
  instanceSize: string,
  usdPerHour: number,
  gpuMemoryGb?: number,
): TwinCompute => ({
  vendor: "aws",
  region: "us-east-1",
  accelerator,
  instanceType,
  instanceSize,
  usdPerHour,
  gpuMemoryGb,
});

/** Prices as published in 2026: enough machines to choose from. */
export const PRICE_LIST: readonly TwinCompute[] = [
  aws("cpu", "intel-spr", "x1", 0.033),
  aws("gpu", "nvidia-t4", "x1", 0.5, 14),
  aws("gpu", "nvidia-l4", "x1", 0.8, 24),
  aws("gpu", "nvidia-l4", "x4", 3.8, 96),
  aws("gpu", "nvidia-a10g", "x1", 1, 24),
  aws("gpu", "nvidia-l40s", "x1", 1.8, 48),
  aws("gpu", "nvidia-a100", "x1", 2.5, 80),
  aws("gpu", "nvidia-h200", "x1", 5, 141),
];

export function acceleratorsOf(compute: TwinCompute): number {
  return compute.numAccelerators ?? Number(compute.instanceSize.replace(/^x/, ""));
}

/** The body of `GET /provider/{namespace}`. */
export function providerBody(
  computes: readonly TwinCompute[],
  used: (compute: TwinCompute) => number,
): object {
  const vendors = new Map<string, Map<string, object[]>>();
  for (const compute of computes) {
    const regions = vendors.get(compute.vendor) ?? new Map<string, object[]>();
    vendors.set(compute.vendor, regions);
    const rows = regions.get(compute.region) ?? [];
    regions.set(compute.region, rows);
    const { vendor, region, accelerator, instanceType, instanceSize } = compute;
    rows.push({
      id: `${vendor}-${region}-${instanceType}-${instanceSize}`,
      accelerator,
      instanceType,
      instanceSize,
      architecture: instanceType,
      numAccelerators: acceleratorsOf(compute),
      memoryGb: compute.memoryGb ?? 16,
      ...(compute.gpuMemoryGb !== undefined && { gpuMemoryGb: compute.gpuMemoryGb }),
      pricePerHour: compute.usdPerHour,
      status: compute.status ?? "available",
      quota: { maxAccelerators: compute.maxAccelerators ?? 8, usedAccelerators: used(compute) },
    });
  }
  return {
    vendors: [...vendors].map(([name, regions]) => ({
      name,
      status: "available",
      regions: [...regions].map(([region, rows]) => ({
        name: region,
        label: region,
        status: "available",
        computes: rows,
      })),
    })),
  };
}
