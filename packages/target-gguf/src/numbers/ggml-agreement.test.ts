import { expect, it } from "vitest";
import { loadGgmlFunctions } from "../../test-models/ggml-functions.ts";
import { seededRandom } from "../../test-models/random.ts";
import { encodeWeights } from "../conversion/encode-weights.ts";
import { float16Table } from "./float16.ts";

const COUNT = 1 << 18;

/** Any bit pattern: zeros, subnormals, infinities and NaN among them. */
function anyFloats(): Float32Array {
  const random = seededRandom(1);
  return new Float32Array(Uint32Array.from({ length: COUNT }, () => Math.floor(random() * 2 ** 32)).buffer);
}

/** Numbers of the size of weights, with every exact tie between two half-precision numbers among them. */
function weightsAndTies(): Float32Array {
  const random = seededRandom(2);
  const weights = Float32Array.from(
    { length: COUNT },
    () => (random() - 0.5) * 2 ** Math.floor(random() * 34 - 30),
  );
  const bits = new Uint32Array(weights.buffer);
  for (let half = 0; half < 0x7c00; half += 1) bits[half] = 0x38000000 + (half << 13) + 0x1000;
  return weights;
}

const isNaNHalf = (half: number) => (half & 0x7c00) === 0x7c00 && (half & 0x3ff) !== 0;

it("rounds to half precision as ggml does, ties and subnormals included", () => {
  const ggml = loadGgmlFunctions();
  for (const weights of [anyFloats(), weightsAndTies()]) {
    const ours = new Uint16Array(encodeWeights(weights, "F16").buffer);
    const theirs = ggml.toFloat16(weights);
    // Which NaN it is differs between processors; that it is one does not.
    const differing = ours.findIndex((half, index) => half !== theirs[index] && !isNaNHalf(half));
    expect(differing).toBe(-1);
  }
});

it("rounds to bfloat16 as ggml does", () => {
  const ggml = loadGgmlFunctions();
  for (const weights of [anyFloats(), weightsAndTies()]) {
    expect(
      Buffer.compare(encodeWeights(weights, "BF16"), new Uint8Array(ggml.toBfloat16(weights).buffer)),
    ).toBe(0);
  }
});

it("quantises Q8_0 blocks to the same bytes as ggml", () => {
  const ggml = loadGgmlFunctions();
  const weights = weightsAndTies();
  // Blocks whose scaled weights fall exactly between two whole numbers.
  for (let index = 0; index < 32 * 64; index += 1)
    weights[index] = index % 32 === 0 ? 127 : (index % 64) - 31.5;
  weights.fill(0, 32 * 64, 32 * 65);
  expect(Buffer.compare(encodeWeights(weights, "Q8_0"), ggml.quantizeQ8(weights))).toBe(0);
});

it("widens every half-precision number to one that rounds back to it", () => {
  const table = float16Table();
  const back = new Uint16Array(encodeWeights(table, "F16").buffer);
  expect(back.findIndex((half, index) => half !== index && !isNaNHalf(index))).toBe(-1);
});
