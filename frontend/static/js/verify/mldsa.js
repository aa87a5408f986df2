// Verifies ML-DSA-44 signatures (FIPS 204), which no browser offers yet. Only public values pass through here, so
// nothing has to be hidden from clocks. Products of two numbers below q stay below 2^53 and are exact.
import { concat, same } from "./bytes.js";
import { shake128, shake256, take } from "./keccak.js";

const Q = 8380417;
const N = 256;
const K = 4; // rows and columns of the matrix
const D = 13;
const TAU = 39;
const GAMMA1 = 2 ** 17;
const GAMMA2 = (Q - 1) / 88;
const BETA = 78;
const OMEGA = 80;
const SEED = 32;
const T1_SIZE = 320;
const Z_SIZE = 576;
const PUBLIC_SIZE = SEED + K * T1_SIZE;
const SIGNATURE_SIZE = SEED + K * Z_SIZE + OMEGA + K;
const ZETAS = zetas();

/**
 * Whether `signature` over `message`, with an empty context, is by the key `publicKey` (algorithms 3 and 8).
 * @param {Uint8Array} publicKey
 * @param {Uint8Array} message
 * @param {Uint8Array} signature
 */
export function verifyMlDsa44(publicKey, message, signature) {
  if (publicKey.length !== PUBLIC_SIZE || signature.length !== SIGNATURE_SIZE) return false;
  const challenge = signature.subarray(0, SEED);
  const z = rows((i) => unpack(signature.subarray(SEED + i * Z_SIZE), 18).map((value) => GAMMA1 - value));
  const hints = unpackHints(signature.subarray(SEED + K * Z_SIZE));
  if (!hints || z.some((poly) => poly.some((value) => Math.abs(value) >= GAMMA1 - BETA))) return false;
  const w1 = commitment(publicKey, challenge, z, hints);
  const key = take(shake256(publicKey), 64);
  const mu = take(shake256(concat(key, Uint8Array.of(0, 0), message)), 64);
  return same(take(shake256(concat(mu, w1)), SEED), challenge);
}

/** The encoded high bits of A·z − c·t1·2^d, set right by the hints. */
function commitment(
  /** @type {Uint8Array} */ publicKey,
  /** @type {Uint8Array} */ challenge,
  /** @type {number[][]} */ z,
  /** @type {boolean[][]} */ hints,
) {
  const rho = publicKey.subarray(0, SEED);
  const c = transform(inBall(challenge));
  const columns = z.map(transform);
  const encoded = rows((row) => {
    const t1 = transform(unpack(publicKey.subarray(SEED + row * T1_SIZE), 10).map((value) => value * 2 ** D));
    const sum = t1.map((value, i) => mod(-c[i] * value));
    columns.forEach((column, s) => matrixEntry(rho, s, row).forEach((value, i) => {
      sum[i] = mod(sum[i] + value * column[i]);
    }));
    return pack6(untransform(sum).map((value, i) => useHint(value, hints[row][i])));
  });
  return concat(...encoded);
}

/** @template T @param {(i: number) => T} make @returns {T[]} */
function rows(make) {
  return Array.from({ length: K }, (_, i) => make(i));
}

/** @param {number} value */
function mod(value) {
  const rest = value % Q;
  return rest < 0 ? rest + Q : rest;
}

/** 256 numbers of `width` bits each, least significant first. @param {Uint8Array} bytes @param {number} width */
function unpack(bytes, width) {
  const values = [];
  for (let n = 0, at = 0, held = 0, bits = 0; n < N; n += 1) {
    for (; bits < width; bits += 8, at += 1) held |= bytes[at] << bits;
    values.push(held & ((1 << width) - 1));
    held >>>= width;
    bits -= width;
  }
  return values;
}

/** Numbers of six bits each, least significant first. @param {number[]} values */
function pack6(values) {
  const bytes = new Uint8Array((values.length * 6) / 8);
  for (let i = 0, at = 0; i < values.length; i += 4, at += 3) {
    const four = values[i] | (values[i + 1] << 6) | (values[i + 2] << 12) | (values[i + 3] << 18);
    bytes.set([four & 255, (four >> 8) & 255, four >> 16], at);
  }
  return bytes;
}

/** The hints of each row, or null where they are not in their one encoding (algorithm 21). @param {Uint8Array} bytes */
function unpackHints(bytes) {
  const hints = rows(() => new Array(N).fill(false));
  let at = 0;
  for (let row = 0; row < K; row += 1) {
    const end = bytes[OMEGA + row];
    if (end < at || end > OMEGA) return null;
    for (let first = at; at < end; at += 1) {
      if (at > first && bytes[at - 1] >= bytes[at]) return null;
      hints[row][bytes[at]] = true;
    }
  }
  return bytes.subarray(at, OMEGA).some((byte) => byte !== 0) ? null : hints;
}

/** The polynomial with TAU coefficients of 1 or −1 that a challenge names (algorithm 29). @param {Uint8Array} seed */
function inBall(seed) {
  const bytes = shake256(seed);
  const signs = take(bytes, 8);
  const c = new Array(N).fill(0);
  for (let i = N - TAU, k = 0; i < N; i += 1, k += 1) {
    let j = bytes.next().value;
    while (j > i) j = bytes.next().value;
    c[i] = c[j];
    c[j] = (signs[k >> 3] >> (k & 7)) & 1 ? -1 : 1;
  }
  return c;
}

/** One polynomial of the matrix, in the transformed domain (algorithm 30). */
function matrixEntry(/** @type {Uint8Array} */ rho, /** @type {number} */ column, /** @type {number} */ row) {
  const bytes = shake128(concat(rho, Uint8Array.of(column, row)));
  const values = [];
  while (values.length < N) {
    const value = bytes.next().value | (bytes.next().value << 8) | ((bytes.next().value & 127) << 16);
    if (value < Q) values.push(value);
  }
  return values;
}

/** High bits of `r`, moved by one where the hint says so (algorithms 36 and 40). */
function useHint(/** @type {number} */ r, /** @type {boolean} */ hint) {
  const step = 2 * GAMMA2;
  const count = (Q - 1) / step;
  let low = r % step;
  if (low > GAMMA2) low -= step;
  const wraps = r - low === Q - 1;
  const high = wraps ? 0 : (r - low) / step;
  if (!hint) return high;
  return (high + (low - (wraps ? 1 : 0) > 0 ? 1 : count - 1)) % count;
}

/** The number-theoretic transform (algorithm 41). @param {number[]} poly */
function transform(poly) {
  const w = poly.map(mod);
  for (let length = N / 2, m = 0; length >= 1; length /= 2) {
    for (let start = 0; start < N; start += 2 * length) {
      m += 1;
      for (let j = start; j < start + length; j += 1) {
        const t = mod(ZETAS[m] * w[j + length]);
        [w[j], w[j + length]] = [mod(w[j] + t), mod(w[j] - t)];
      }
    }
  }
  return w;
}

/** Its inverse (algorithm 42). @param {number[]} values */
function untransform(values) {
  const w = [...values];
  for (let length = 1, m = N; length < N; length *= 2) {
    for (let start = 0; start < N; start += 2 * length) {
      m -= 1;
      for (let j = start; j < start + length; j += 1) {
        const [one, other] = [w[j], w[j + length]];
        [w[j], w[j + length]] = [mod(one + other), mod(ZETAS[m] * (other - one))];
      }
    }
  }
  return w.map((value) => mod(value * 8347681)); // the inverse of 256
}

/** 1753 to the power of each number's eight bits in reverse (appendix B). */
function zetas() {
  const powers = [1];
  for (let i = 1; i < N; i += 1) powers.push((powers[i - 1] * 1753) % Q);
  return Array.from({ length: N }, (_, i) => {
    let reversed = 0;
    for (let bit = 0; bit < 8; bit += 1) reversed |= ((i >> bit) & 1) << (7 - bit);
    return powers[reversed];
  });
}
