import { statisticsError } from "../input-checks.ts";

const FIRST_FACTOR = 0xcc9e2d51;
const SECOND_FACTOR = 0x1b873593;

/**
 * MurmurHash3 x86_32 (Austin Appleby, public domain) of the UTF-8 bytes of `text`, as an unsigned 32-bit number.
 *
 * Bytes are made on the fly, so nothing is allocated. A surrogate without its partner becomes U+FFFD, as in
 * `TextEncoder`.
 */
export function murmurHash3(text: string, seed = 0): number {
  let hash = seed | 0;
  let block = 0;
  let byteCount = 0;
  const length = text.length;
  let index = 0;

  // Four ASCII characters make one block: the common case for ids.
  while (index + 4 <= length) {
    const c0 = text.charCodeAt(index);
    const c1 = text.charCodeAt(index + 1);
    const c2 = text.charCodeAt(index + 2);
    const c3 = text.charCodeAt(index + 3);
    if ((c0 | c1 | c2 | c3) > 127) break;
    hash = mixBlock(hash, c0 | (c1 << 8) | (c2 << 16) | (c3 << 24));
    index += 4;
  }
  byteCount = index;

  while (index < length) {
    let code = text.charCodeAt(index);
    index += 1;
    if (code >= 0xd800 && code <= 0xdfff) {
      const next = index < length ? text.charCodeAt(index) : 0;
      if (code <= 0xdbff && next >= 0xdc00 && next <= 0xdfff) {
        code = 0x10000 + ((code - 0xd800) << 10) + (next - 0xdc00);
        index += 1;
      } else {
        code = 0xfffd;
      }
    }
    let bytes = code;
    let count = 1;
    if (code > 0xffff) {
      bytes =
        0xf0 |
        (code >> 18) |
        ((0x80 | ((code >> 12) & 63)) << 8) |
        ((0x80 | ((code >> 6) & 63)) << 16) |
        ((0x80 | (code & 63)) << 24);
      count = 4;
    } else if (code > 0x7ff) {
      bytes = 0xe0 | (code >> 12) | ((0x80 | ((code >> 6) & 63)) << 8) | ((0x80 | (code & 63)) << 16);
      count = 3;
    } else if (code > 0x7f) {
      bytes = 0xc0 | (code >> 6) | ((0x80 | (code & 63)) << 8);
      count = 2;
    }
    for (; count > 0; count -= 1) {
      block |= (bytes & 255) << ((byteCount & 3) << 3);
      bytes >>>= 8;
      byteCount += 1;
      if ((byteCount & 3) === 0) {
        hash = mixBlock(hash, block);
        block = 0;
      }
    }
  }
  if ((byteCount & 3) !== 0) hash ^= scramble(block);
  hash ^= byteCount;
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function scramble(block: number): number {
  const mixed = Math.imul(block, FIRST_FACTOR);
  return Math.imul((mixed << 15) | (mixed >>> 17), SECOND_FACTOR);
}

function mixBlock(hash: number, block: number): number {
  const mixed = hash ^ scramble(block);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

/** Number of buckets traffic is divided into: one is a hundredth of a percent. */
export const BUCKET_COUNT = 10_000;

/**
 * Bucket 0 … 9,999 of a key: ⌊murmur3(salt + ":" + key)·10,000/2³²⌋. A key belongs to the canary while its bucket is
 * below share·10,000, so raising the share moves nobody out. Use the rollout id as salt: another rollout, other users.
 *
 * @throws `statistics/empty-key` when the key is empty or not a string: hashing "undefined" would send all of those one way
 */
export function bucketOf(salt: string, key: string): number {
  if (typeof key !== "string" || key.length === 0) {
    throw statisticsError(
      "empty-key",
      "A session key is needed to choose an arm.",
      "Make one per session (crypto.randomUUID()) and reuse it for all its requests.",
    );
  }
  return Math.floor(murmurHash3(`${salt}:${key}`) * (BUCKET_COUNT / 4294967296));
}
