import type { DirectType } from "../conversion/encode-weights.ts";

/** llama.cpp's mixtures of block types, each with its number (`enum llama_ftype`). None needs an importance matrix. */
export const K_QUANTIZATION_IDS = {
  Q2_K: 10,
  Q3_K_S: 11,
  Q3_K_M: 12,
  Q3_K_L: 13,
  Q4_K_S: 14,
  Q4_K_M: 15,
  Q5_K_S: 16,
  Q5_K_M: 17,
  Q6_K: 18,
  IQ4_NL: 25,
  IQ4_XS: 30,
} as const;

/** Made by llama.cpp's quantiser from an F16, BF16 or F32 file. */
export type KQuantization = keyof typeof K_QUANTIZATION_IDS;

/** Every kind of file this package makes. */
export type GgufQuantization = DirectType | KQuantization;

/** Whether llama.cpp is needed to make it. */
export function isKQuantization(quantization: string): quantization is KQuantization {
  return Object.hasOwn(K_QUANTIZATION_IDS, quantization);
}
