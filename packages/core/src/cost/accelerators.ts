/**
 * Speed of an accelerator in training. `peakTflops`: dense 16-bit, from the maker. `efficiency`: share of the peak
 * that published runs reached (A100, L4, L40S, RTX 4060) or that was scaled from them (`assumed`).
 */
export interface AcceleratorSpeed {
  readonly pattern: RegExp;
  readonly peakTflops: number;
  readonly efficiency: { readonly lora: number; readonly qlora: number; readonly full: number };
  readonly hasBf16: boolean;
  /** Of its memory, against an A100 of 80 GB: 4-bit weights are unpacked at this speed, once a micro-step. */
  readonly memorySpeed: number;
  readonly basis: "published" | "assumed";
}

const SPEEDS: readonly AcceleratorSpeed[] = [
  {
    pattern: /\bA100\b/,
    peakTflops: 312,
    efficiency: { lora: 0.42, qlora: 0.42, full: 0.35 },
    hasBf16: true,
    memorySpeed: 1,
    basis: "published",
  },
  {
    pattern: /\bL40S\b/,
    peakTflops: 181,
    efficiency: { lora: 0.33, qlora: 0.33, full: 0.21 },
    hasBf16: true,
    memorySpeed: 0.42,
    basis: "published",
  },
  {
    pattern: /\bL4\b/,
    peakTflops: 121,
    efficiency: { lora: 0.3, qlora: 0.3, full: 0.2 },
    hasBf16: true,
    memorySpeed: 0.15,
    basis: "published",
  },
  {
    pattern: /\bT4\b/,
    peakTflops: 65,
    efficiency: { lora: 0.18, qlora: 0.16, full: 0.12 },
    hasBf16: false,
    memorySpeed: 0.16,
    basis: "assumed",
  },
  {
    pattern: /\bA10G?\b/,
    peakTflops: 70,
    efficiency: { lora: 0.35, qlora: 0.35, full: 0.28 },
    hasBf16: true,
    memorySpeed: 0.29,
    basis: "assumed",
  },
  {
    pattern: /\bH200\b|\bH100\b/,
    peakTflops: 989,
    efficiency: { lora: 0.33, qlora: 0.33, full: 0.3 },
    hasBf16: true,
    memorySpeed: 2,
    basis: "assumed",
  },
  {
    pattern: /RTX PRO 6000/i,
    peakTflops: 252,
    efficiency: { lora: 0.35, qlora: 0.35, full: 0.28 },
    hasBf16: true,
    memorySpeed: 0.88,
    basis: "assumed",
  },
  {
    pattern: /RTX 4060/i,
    peakTflops: 60,
    efficiency: { lora: 0.1, qlora: 0.1, full: 0.1 },
    hasBf16: true,
    memorySpeed: 0.13,
    basis: "published",
  },
  {
    pattern: /RTX 40[79]0/i,
    peakTflops: 120,
    efficiency: { lora: 0.12, qlora: 0.12, full: 0.1 },
    hasBf16: true,
    memorySpeed: 0.4,
    basis: "assumed",
  },
];

const UNKNOWN_GPU: AcceleratorSpeed = {
  pattern: /^/,
  peakTflops: 40,
  efficiency: { lora: 0.15, qlora: 0.12, full: 0.12 },
  hasBf16: true,
  memorySpeed: 0.15,
  basis: "assumed",
};

/** The speed of an accelerator by its model name; a slow guess for names that are not known. */
export function acceleratorSpeed(model: string): AcceleratorSpeed {
  return SPEEDS.find((speed) => speed.pattern.test(model)) ?? UNKNOWN_GPU;
}
