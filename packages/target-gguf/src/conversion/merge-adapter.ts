import type { LoraPair } from "./lora-adapter.ts";
import type { RowTransform } from "./tensor-source.ts";

/**
 * Makes the transform that adds `scale · B · A` to a run of rows of a weight. Sums are kept in double precision and
 * rounded to float32 once. Only the two small factors are held.
 */
export async function mergeTransform(pair: LoraPair, scale: number): Promise<RowTransform> {
  const a = await pair.a.readFloat32(0, pair.a.elementCount);
  const b = await pair.b.readFloat32(0, pair.b.elementCount);
  const [rank = 0, rowLength = 0] = pair.a.shape;
  const change = new Float64Array(rowLength);
  return (rows, firstRow) => {
    for (let row = 0; row < rows.length / rowLength; row += 1) {
      change.fill(0);
      for (let component = 0; component < rank; component += 1) {
        const factor = b[(firstRow + row) * rank + component] ?? 0;
        const from = component * rowLength;
        for (let column = 0; column < rowLength; column += 1) {
          change[column] = (change[column] ?? 0) + factor * (a[from + column] ?? 0);
        }
      }
      const start = row * rowLength;
      for (let column = 0; column < rowLength; column += 1) {
        rows[start + column] = (rows[start + column] ?? 0) + scale * (change[column] ?? 0);
      }
    }
  };
}
