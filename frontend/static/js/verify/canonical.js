// Canonical JSON: RFC 8785 with ASCII keys, texts in form C, whole numbers below 2^53, no null. One encoding per value.
import { Refusal, same, text, utf8 } from "./bytes.js";

/** @typedef {string | number | boolean | Json[] | { [name: string]: Json }} Json */

/** The one encoding of `value`; refuses `value-not-canonical`. @param {unknown} value @returns {Uint8Array} */
export function canonical(value) {
  return utf8(encode(value));
}

/**
 * The value of canonical bytes; refuses `bytes-not-canonical` where encoding it again gives other bytes, which is how
 * a repeated name, a space, another order or another spelling of a number is found.
 * @param {Uint8Array} bytes
 * @returns {Json}
 */
export function parseCanonical(bytes) {
  let value;
  let again;
  try {
    value = JSON.parse(text(bytes));
    again = canonical(value);
  } catch (error) {
    throw new Refusal("bytes-not-canonical", { reason: reasonOf(error) });
  }
  if (!same(again, bytes)) throw new Refusal("bytes-not-canonical", { reason: "another encoding of the same value" });
  return value;
}

/** Whether `value` is an object of JSON. @param {unknown} value @returns {value is { [name: string]: Json }} */
export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @param {unknown} value @returns {string} */
function encode(value) {
  if (typeof value === "string") return encodeText(value);
  if (typeof value === "boolean") return String(value);
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) throw notCanonical("a number that is not an integer below 2^53");
    return String(value);
  }
  if (Array.isArray(value)) return `[${value.map(encode).join(",")}]`;
  if (isObject(value)) {
    const members = Object.keys(value).sort().map((name) => `${encodeKey(name)}:${encode(value[name])}`);
    return `{${members.join(",")}}`;
  }
  throw notCanonical("a value that JSON has and this profile has not");
}

/** @param {string} value */
function encodeText(value) {
  if (value.normalize("NFC") !== value) throw notCanonical("text that is not in Unicode normal form C");
  if (/\p{Surrogate}/u.test(value)) throw notCanonical("text with a lone surrogate");
  return JSON.stringify(value);
}

/** @param {string} name */
function encodeKey(name) {
  if (/[^\0-\x7f]/.test(name)) throw notCanonical("a key that is not ASCII text");
  return JSON.stringify(name);
}

/** @param {string} reason */
function notCanonical(reason) {
  return new Refusal("value-not-canonical", { reason });
}

/** @param {unknown} error */
function reasonOf(error) {
  if (error instanceof Refusal) return String(error.facts.reason);
  return error instanceof RangeError ? "nested too deeply" : "not JSON in UTF-8";
}
