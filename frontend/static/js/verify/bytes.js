// Bytes and texts with exactly one spelling, SHA-256 of the browser, and the refusals that every other module throws.

/** A check that failed: `code` and `facts` as in the catalogue of refusals. */
export class Refusal extends Error {
  /**
   * @param {string} code
   * @param {Record<string, string | number>} [facts]
   */
  constructor(code, facts = {}) {
    super(code);
    this.code = code;
    this.facts = facts;
  }
}

/** Something that this browser can't do; it says nothing about the receipt. */
export class Unavailable extends Error {}

const encoder = new TextEncoder();

/** @param {string} text @returns {Uint8Array} */
export function utf8(text) {
  return encoder.encode(text);
}

/** The text of strict UTF-8, a byte order mark kept; throws for anything else. @param {Uint8Array} bytes */
export function text(bytes) {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}

/** @param {...Uint8Array} parts @returns {Uint8Array} */
export function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** @param {Uint8Array} one @param {Uint8Array} other */
export function same(one, other) {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}

/** @param {Uint8Array} bytes */
export function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Standard base64 with padding. @param {Uint8Array} bytes */
export function b64(bytes) {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** The bytes of the one base64 spelling of them; refuses `base64-malformed`. @param {string} spelled */
export function fromB64(spelled) {
  try {
    const bytes = Uint8Array.from(atob(spelled), (character) => character.charCodeAt(0));
    if (b64(bytes) === spelled) return bytes;
  } catch {
    // not base64 at all: refused below, like another spelling
  }
  throw new Refusal("base64-malformed", { text: spelled.slice(0, 80) });
}

/** A whole number as bytes, most significant first. @param {number | bigint} value @param {number} size */
export function bigEndian(value, size) {
  const bytes = new Uint8Array(size);
  for (let i = size - 1, rest = BigInt(value); i >= 0; i -= 1, rest >>= 8n) bytes[i] = Number(rest & 255n);
  return bytes;
}

/** @param {...Uint8Array} parts @returns {Promise<Uint8Array>} */
export async function sha256(...parts) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", concat(...parts)));
}
