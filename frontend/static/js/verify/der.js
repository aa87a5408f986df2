// As much of DER (X.690) as the seal of a receipt needs: elements in, elements out.
import { concat } from "./bytes.js";

/** @typedef {{ tag: number, whole: Uint8Array, content: Uint8Array }} Element */

/** The elements that follow one another in `bytes`; a `RangeError` where one is cut short. @param {Uint8Array} bytes */
export function elements(bytes) {
  /** @type {Element[]} */ const found = [];
  for (let at = 0; at < bytes.length; at += found[found.length - 1].whole.length) {
    found.push(element(bytes.subarray(at)));
  }
  return found;
}

/** The element with this tag and these parts in it. @param {number} tag @param {...Uint8Array} parts */
export function der(tag, ...parts) {
  const content = concat(...parts);
  const size = content.length;
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 255];
  return concat(Uint8Array.of(tag, ...length), content);
}

/** The bytes that hexadecimal digits spell. @param {string} digits */
export function fromHex(digits) {
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** The element at the start of `bytes`. @param {Uint8Array} bytes @returns {Element} */
function element(bytes) {
  const [tag, first, second, third] = bytes;
  const [head, size] = first < 128 ? [2, first] : first === 0x81 ? [3, second] : [4, (second << 8) | third];
  if (first > 0x82 || !(head + size <= bytes.length)) throw new RangeError("an element that is cut short");
  return { tag, whole: bytes.subarray(0, head + size), content: bytes.subarray(head, head + size) };
}
