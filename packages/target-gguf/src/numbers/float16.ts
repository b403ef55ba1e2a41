const FLOAT32_INFINITY = 0x7f800000;
/** 2^-14, the smallest normal half-precision number, as float32 bits. */
const SMALLEST_NORMAL_HALF = 0x38800000;
/** 65536, as float32 bits: everything from here on overflows. Values just below it round up to infinity by carry. */
const HALF_OVERFLOW = 0x47800000;
/** Difference of the exponent biases (127 − 15), moved to the exponent's place. */
const EXPONENT_REBIAS = 112 << 23;

const conversionFloat = new Float32Array(1);
const conversionBits = new Uint32Array(conversionFloat.buffer);

/** Rounds a float32, given as bits, to half precision (nearest, ties to even), as ggml and IEEE 754 do. */
export function float32BitsToFloat16Bits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude >= HALF_OVERFLOW) return sign | (magnitude > FLOAT32_INFINITY ? 0x7e00 : 0x7c00);
  if (magnitude >= SMALLEST_NORMAL_HALF) {
    return sign | ((magnitude - EXPONENT_REBIAS + 0x0fff + ((magnitude >>> 13) & 1)) >>> 13);
  }
  conversionBits[0] = magnitude;
  // Exact in a double: a subnormal half is a whole number of 2^-24.
  const scaled = (conversionFloat[0] ?? 0) * 16_777_216;
  const whole = Math.floor(scaled);
  const rest = scaled - whole;
  const roundsUp = rest > 0.5 || (rest === 0.5 && (whole & 1) === 1);
  return sign | (roundsUp ? whole + 1 : whole);
}

/** Rounds a number to half precision and returns its 16 bits. */
export function float16Bits(value: number): number {
  conversionFloat[0] = value;
  return float32BitsToFloat16Bits(conversionBits[0] ?? 0);
}

function expandHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

let table: Float32Array | undefined;

/** Every half-precision number as float32, indexed by its bits: a look-up is far faster than arithmetic. */
export function float16Table(): Float32Array {
  table ??= Float32Array.from({ length: 65_536 }, (_, half) => expandHalf(half));
  return table;
}
