/** Arithmetic mean of a non-empty list. */
export function meanOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < values.length; index += 1) sum += values[index] ?? 0;
  return sum / values.length;
}

/** Sample standard deviation with denominator n − 1; 0 for a single value. */
export function standardDeviationOf(values: ArrayLike<number>): number {
  const count = values.length;
  if (count < 2) return 0;
  const mean = meanOf(values);
  let squares = 0;
  let largest = 0;
  for (let index = 0; index < count; index += 1) {
    const value = values[index] ?? 0;
    squares += (value - mean) ** 2;
    if (Math.abs(value) > largest) largest = Math.abs(value);
  }
  const deviation = Math.sqrt(squares / (count - 1));
  // Equal values leave a rounding residue; a spread of 1e-14 of the size is none.
  return deviation <= 1e-14 * largest ? 0 : deviation;
}
