/** Order of the UTF-8 bytes, as databases sort. JavaScript's own order differs for characters above U+FFFF. */
export function compareBytewise(left: string, right: string): number {
  if (left === right) return 0;
  // Without surrogates both orders agree, and the plain comparison is many times faster.
  if (!SURROGATE.test(left) && !SURROGATE.test(right)) return left < right ? -1 : 1;
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

const SURROGATE = /[\ud800-\udfff]/;
