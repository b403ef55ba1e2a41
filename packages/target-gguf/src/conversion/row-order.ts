/**
 * Re-orders the rows of whole heads from "first half, second half" (transformers) to "pair by pair" (llama.cpp), the
 * `permute` of llama.cpp's converter. `rows` holds any number of complete heads.
 */
export function interleaveHeads(rows: Float32Array, headDimension: number, rowLength: number): Float32Array {
  const half = headDimension / 2;
  const result = new Float32Array(rows.length);
  const rowCount = rows.length / rowLength;
  for (let row = 0; row < rowCount; row += 1) {
    const head = Math.floor(row / headDimension);
    const within = row % headDimension;
    const source = head * headDimension + (within % 2) * half + Math.floor(within / 2);
    result.set(rows.subarray(source * rowLength, (source + 1) * rowLength), row * rowLength);
  }
  return result;
}
