/** Threshold comparisons treat values this close as equal: 0.15 computed as 0.15000000000000002 is 15 %. */
const EPSILON = 1e-9;

/** Above, by more than rounding. */
export const above = (value: number, threshold: number): boolean => value > threshold + EPSILON;

/** Below, by more than rounding. */
export const below = (value: number, threshold: number): boolean => value < threshold - EPSILON;
