/** Storage of a tensor type: a row is cut into blocks of `blockWeights`, each stored in `blockBytes`. */
export interface GgmlType {
  readonly name: string;
  /** Number of the type in a GGUF file (`enum ggml_type`). */
  readonly id: number;
  readonly blockWeights: number;
  readonly blockBytes: number;
}

/** The tensor types this package writes or predicts, with ggml's numbers and block layouts. */
export const GGML_TYPES = {
  F32: { name: "F32", id: 0, blockWeights: 1, blockBytes: 4 },
  F16: { name: "F16", id: 1, blockWeights: 1, blockBytes: 2 },
  Q4_0: { name: "Q4_0", id: 2, blockWeights: 32, blockBytes: 18 },
  Q5_0: { name: "Q5_0", id: 6, blockWeights: 32, blockBytes: 22 },
  Q5_1: { name: "Q5_1", id: 7, blockWeights: 32, blockBytes: 24 },
  Q8_0: { name: "Q8_0", id: 8, blockWeights: 32, blockBytes: 34 },
  Q2_K: { name: "Q2_K", id: 10, blockWeights: 256, blockBytes: 84 },
  Q3_K: { name: "Q3_K", id: 11, blockWeights: 256, blockBytes: 110 },
  Q4_K: { name: "Q4_K", id: 12, blockWeights: 256, blockBytes: 144 },
  Q5_K: { name: "Q5_K", id: 13, blockWeights: 256, blockBytes: 176 },
  Q6_K: { name: "Q6_K", id: 14, blockWeights: 256, blockBytes: 210 },
  IQ4_NL: { name: "IQ4_NL", id: 20, blockWeights: 32, blockBytes: 18 },
  IQ4_XS: { name: "IQ4_XS", id: 23, blockWeights: 256, blockBytes: 136 },
  BF16: { name: "BF16", id: 30, blockWeights: 1, blockBytes: 2 },
} as const satisfies Record<string, GgmlType>;

export type GgmlTypeName = keyof typeof GGML_TYPES;

/** Bytes of a tensor with `rowCount` rows of `rowLength` weights. */
export function tensorBytes(type: GgmlType, rowLength: number, rowCount: number): number {
  return (rowLength / type.blockWeights) * type.blockBytes * rowCount;
}
