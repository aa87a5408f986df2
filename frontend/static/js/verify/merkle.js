// The Merkle tree of RFC 6962: where a leaf stands in the log, and which lines an entry commits to.
import { sha256 } from "./bytes.js";

const HASH_SIZE = 32;
const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** SHA-256(00 ‖ bytes). @param {Uint8Array} bytes */
export function leafHash(bytes) {
  return sha256(LEAF, bytes);
}

/** SHA-256(01 ‖ left ‖ right). @param {Uint8Array} left @param {Uint8Array} right */
export function nodeHash(left, right) {
  return sha256(NODE, left, right);
}

/**
 * The root that an inclusion proof leads to (RFC 9162, section 2.1.3.2), or null if its length can't be right.
 * Numbers go to 2^53, so they are halved by division and not by shifts, which end at 2^32.
 * @param {Uint8Array} leaf
 * @param {number} index
 * @param {number} size
 * @param {Uint8Array[]} path
 */
export async function rootFromInclusion(leaf, index, size, path) {
  if (index < 0 || index >= size || path.some((step) => step.length !== HASH_SIZE)) return null;
  let [position, last, result] = [index, size - 1, leaf];
  for (const step of path) {
    if (last === 0) return null;
    if (position % 2 === 1 || position === last) {
      result = await nodeHash(step, result);
      while (position % 2 === 0 && position > 0) [position, last] = [half(position), half(last)];
    } else {
      result = await nodeHash(result, step);
    }
    [position, last] = [half(position), half(last)];
  }
  return last === 0 ? result : null;
}

/**
 * The root over the commitments of `count` lines, of which some are opened: a subtree without an opened line takes its
 * root from `path`, in order. Null where the path can't fit.
 * @param {number} count
 * @param {Map<number, Uint8Array>} opened commitments by line
 * @param {Uint8Array[]} path
 */
export async function rootFromLines(count, opened, path) {
  const lines = [...opened.keys()];
  if (!lines.length || lines.some((line) => line < 0 || line >= count)) return null;
  const steps = [...path];
  const root = await walk(0, count);
  return steps.length ? null : root;

  /** @param {number} start @param {number} end @returns {Promise<Uint8Array | null>} */
  async function walk(start, end) {
    if (!lines.some((line) => start <= line && line < end)) return steps.shift() ?? null;
    if (end - start === 1) return leafHash(/** @type {Uint8Array} */ (opened.get(start)));
    const middle = start + split(end - start);
    const left = await walk(start, middle);
    const right = await walk(middle, end);
    return left && right ? nodeHash(left, right) : null;
  }
}

/** The largest power of two smaller than `size`. @param {number} size */
function split(size) {
  let power = 1;
  while (power * 2 < size) power *= 2;
  return power;
}

/** @param {number} value */
function half(value) {
  return Math.floor(value / 2);
}
