import { float16Table } from "../numbers/float16.ts";
import type { ReadableDtype } from "./dtype.ts";

/** Widens stored little-endian weights to float32, which loses nothing. */
export function widenToFloat32(bytes: Uint8Array, dtype: ReadableDtype): Float32Array {
  if (dtype === "F32") return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
  const weights = new Float32Array(halves.length);
  if (dtype === "F16") {
    const table = float16Table();
    for (let index = 0; index < halves.length; index += 1) weights[index] = table[halves[index] ?? 0] ?? 0;
    return weights;
  }
  const bits = new Uint32Array(weights.buffer);
  for (let index = 0; index < halves.length; index += 1) bits[index] = (halves[index] ?? 0) << 16;
  return weights;
}
