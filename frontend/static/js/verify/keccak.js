// SHAKE128 and SHAKE256 (FIPS 202), which no browser offers. A lane of 64 bits is two numbers of 32: low, then high.

const ROUNDS = 24;
const [ROTATIONS, TARGETS] = rhoAndPi();
const CONSTANTS = roundConstants();

/** Endless bytes of SHAKE128 over `input`. @param {Uint8Array} input */
export function shake128(input) {
  return squeeze(input, 168);
}

/** Endless bytes of SHAKE256 over `input`. @param {Uint8Array} input */
export function shake256(input) {
  return squeeze(input, 136);
}

/** The next `count` bytes. @param {Generator<number, never, void>} bytes @param {number} count */
export function take(bytes, count) {
  return Uint8Array.from({ length: count }, () => bytes.next().value);
}

/** @param {Uint8Array} input @param {number} rate bytes a block @returns {Generator<number, never, void>} */
function* squeeze(input, rate) {
  const state = new Int32Array(50);
  const padded = new Uint8Array((Math.floor(input.length / rate) + 1) * rate);
  padded.set(input);
  padded[input.length] = 0x1f;
  padded[padded.length - 1] |= 0x80;
  for (let block = 0; block < padded.length; block += rate) {
    for (let i = 0; i < rate; i += 1) state[i >> 2] ^= padded[block + i] << (8 * (i & 3));
    permute(state);
  }
  for (;;) {
    for (let i = 0; i < rate; i += 1) yield (state[i >> 2] >>> (8 * (i & 3))) & 255;
    permute(state);
  }
}

/** Keccak-f[1600]. @param {Int32Array} a */
function permute(a) {
  const c = new Int32Array(10);
  const b = new Int32Array(50);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (let x = 0; x < 10; x += 1) c[x] = a[x] ^ a[x + 10] ^ a[x + 20] ^ a[x + 30] ^ a[x + 40];
    for (let x = 0; x < 5; x += 1) {
      const [before, after] = [2 * ((x + 4) % 5), 2 * ((x + 1) % 5)];
      const low = c[before] ^ ((c[after] << 1) | (c[after + 1] >>> 31));
      const high = c[before + 1] ^ ((c[after + 1] << 1) | (c[after] >>> 31));
      for (let y = 0; y < 50; y += 10) {
        a[2 * x + y] ^= low;
        a[2 * x + y + 1] ^= high;
      }
    }
    for (let lane = 0; lane < 25; lane += 1) rotate(a, lane, b);
    for (let y = 0; y < 50; y += 10) {
      for (let x = 0; x < 10; x += 1) a[y + x] = b[y + x] ^ (~b[y + ((x + 2) % 10)] & b[y + ((x + 4) % 10)]);
    }
    a[0] ^= CONSTANTS[2 * round];
    a[1] ^= CONSTANTS[2 * round + 1];
  }
}

/** One lane of `from`, turned left, at its new place in `to`. */
function rotate(/** @type {Int32Array} */ from, /** @type {number} */ lane, /** @type {Int32Array} */ to) {
  const [bits, target] = [ROTATIONS[lane], 2 * TARGETS[lane]];
  const swapped = bits >= 32 ? 1 : 0;
  const [low, high] = [from[2 * lane + swapped], from[2 * lane + 1 - swapped]];
  const left = bits % 32;
  to[target] = left ? (low << left) | (high >>> (32 - left)) : low;
  to[target + 1] = left ? (high << left) | (low >>> (32 - left)) : high;
}

/** How far each lane turns and where it goes (FIPS 202, sections 3.2.2 and 3.2.3). */
function rhoAndPi() {
  const rotations = new Array(25).fill(0);
  const targets = new Array(25).fill(0);
  for (let x = 0; x < 5; x += 1) {
    for (let y = 0; y < 5; y += 1) targets[x + 5 * y] = y + 5 * ((2 * x + 3 * y) % 5);
  }
  for (let t = 0, x = 1, y = 0; t < 24; t += 1) {
    rotations[x + 5 * y] = (((t + 1) * (t + 2)) / 2) % 64;
    [x, y] = [y, (2 * x + 3 * y) % 5];
  }
  return [rotations, targets];
}

/** The constants of iota, from their shift register (FIPS 202, section 3.2.5). */
function roundConstants() {
  const constants = new Int32Array(2 * ROUNDS);
  let register = 1;
  for (let round = 0; round < ROUNDS; round += 1) {
    for (let j = 0; j < 7; j += 1) {
      const bit = 2 ** j - 1;
      if (register & 1) constants[2 * round + (bit >> 5)] ^= 1 << (bit & 31);
      register = (register << 1) ^ (register >> 7 ? 0x171 : 0);
    }
  }
  return constants;
}
