/**
 * The value at a share of sorted numbers, between neighbours linearly (Hyndman & Fan type 7, as NumPy and Excel do).
 * Null for an empty list.
 */
export function quantile(sorted: readonly number[], share: number): number | null {
  const last = sorted.length - 1;
  if (last < 0) return null;
  const position = share * last;
  const below = Math.floor(position);
  const low = sorted[below];
  const high = sorted[Math.min(below + 1, last)];
  if (low === undefined || high === undefined) return null;
  return low + (high - low) * (position - below);
}
