import { writeFile } from "node:fs/promises";
import { float32BitsToBfloat16Bits } from "../src/numbers/bfloat16.ts";
import { float32BitsToFloat16Bits } from "../src/numbers/float16.ts";

export interface TensorToWrite {
  readonly name: string;
  readonly shape: readonly number[];
  readonly weights: Float32Array;
}

function encode(weights: Float32Array, dtype: "F32" | "F16" | "BF16"): Uint8Array {
  if (dtype === "F32") return new Uint8Array(weights.buffer);
  const round = dtype === "F16" ? float32BitsToFloat16Bits : float32BitsToBfloat16Bits;
  return new Uint8Array(Uint16Array.from(new Uint32Array(weights.buffer), round).buffer);
}

/** Writes raw header text and data as a safetensors file, well-formed or not. */
export async function writeRawSafetensors(path: string, header: string, data: Uint8Array): Promise<void> {
  const json = Buffer.from(header);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(json.length));
  await writeFile(path, Buffer.concat([prefix, json, data]));
}

/** Writes a well-formed safetensors file. */
export async function writeSafetensors(
  path: string,
  tensors: readonly TensorToWrite[],
  dtype: "F32" | "F16" | "BF16" = "F32",
): Promise<void> {
  let offset = 0;
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  const pieces = tensors.map((tensor) => {
    const bytes = encode(tensor.weights, dtype);
    header[tensor.name] = { dtype, shape: tensor.shape, data_offsets: [offset, offset + bytes.length] };
    offset += bytes.length;
    return bytes;
  });
  await writeRawSafetensors(path, JSON.stringify(header), Buffer.concat(pieces));
}
