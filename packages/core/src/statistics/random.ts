import { requireWholeNumber } from "./input-checks.ts";

/** A seeded stream of pseudo-random numbers. The same seed gives the same stream on every machine. */
export interface Random {
  /** Uniform on [0, 1) in steps of 2⁻³². */
  uniform(): number;
  /** Uniform whole number from 0 to `bound` − 1 (`bound` ≤ 2³²; bias below `bound`·2⁻³²). */
  integer(bound: number): number;
  /** Standard normal (Marsaglia's polar method). */
  normal(): number;
}

/**
 * Makes a seeded generator: sfc32 (Doty-Humphrey, PractRand), 128 bits of state filled from the seed by splitmix32 and
 * warmed up for 12 rounds. Not for secrets.
 *
 * @param seed whole number from 0 to 2⁵³ − 1
 * @throws `statistics/not-a-count` for any other seed
 */
export function createRandom(seed: number): Random {
  requireWholeNumber("seed", seed, 0);
  let splitState = (seed ^ Math.imul(Math.floor(seed / 4294967296), 0x9e3779b1)) | 0;
  const split = (): number => {
    splitState = (splitState + 0x9e3779b9) | 0;
    let mixed = splitState ^ (splitState >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) | 0;
  };
  let a = split();
  let b = split();
  let c = split();
  let counter = 1;
  let spareNormal: number | null = null;

  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  };
  for (let round = 0; round < 12; round += 1) next();

  const uniform = (): number => next() * 2.3283064365386963e-10;
  return {
    uniform,
    integer: (bound) => Math.floor(uniform() * bound),
    normal() {
      if (spareNormal !== null) {
        const value = spareNormal;
        spareNormal = null;
        return value;
      }
      for (;;) {
        const first = 2 * uniform() - 1;
        const second = 2 * uniform() - 1;
        const square = first * first + second * second;
        if (square > 0 && square < 1) {
          const scale = Math.sqrt((-2 * Math.log(square)) / square);
          spareNormal = second * scale;
          return first * scale;
        }
      }
    },
  };
}
