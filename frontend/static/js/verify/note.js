// Signed notes and the checkpoints in them (C2SP signed-note, tlog-checkpoint, tlog-cosignature).
import { b64, bigEndian, concat, fromB64, hex, Refusal, same, sha256, text, Unavailable, utf8 } from "./bytes.js";
import { verifyMlDsa44 } from "./mldsa.js";

export const ED25519 = 1;
export const COSIGNATURE = 4;
export const ML_DSA_44 = 6;

const PUBLIC_SIZE = new Map([[ED25519, 32], [COSIGNATURE, 32], [ML_DSA_44, 1312]]);
const MAX_SIGNATURES = 32;
const DASH = "\u2014 ";
const KEY_ID_SIZE = 4;
const TIME_SIZE = 8;
const ROOT_SIZE = 32;
const KEY_NAME = /^[^\p{C}\p{Z}+]+$/u;

/**
 * @typedef {{ name: string, kind: number, public: Uint8Array, id: Uint8Array }} Key
 * @typedef {{ name: string, id: Uint8Array, signature: Uint8Array }} Signature
 * @typedef {{ text: string, signatures: Signature[] }} Note
 * @typedef {{ origin: string, size: number, root: Uint8Array, text: string }} Checkpoint
 */

/** A key under its name, with the four bytes that identify it. @returns {Promise<Key>} */
export async function makeKey(
  /** @type {string} */ name,
  /** @type {number} */ kind,
  /** @type {Uint8Array} */ publicKey,
) {
  const id = (await sha256(utf8(`${name}\n`), Uint8Array.of(kind), publicKey)).subarray(0, KEY_ID_SIZE);
  return { name, kind, public: publicKey, id };
}

/** The key of `name+keyid+base64(type ‖ key)`; refuses `verifier-key-malformed`. @param {string} vkey */
export async function parseKey(vkey) {
  const malformed = new Refusal("verifier-key-malformed", { vkey: vkey.slice(0, 80) });
  const [name, id, ...rest] = vkey.split("+");
  const spelled = rest.join("+"); // base64 itself may hold a plus sign
  let material;
  try {
    material = fromB64(spelled);
  } catch {
    throw malformed;
  }
  if (!rest.length || !KEY_NAME.test(name) || PUBLIC_SIZE.get(material[0]) !== material.length - 1) throw malformed;
  const key = await makeKey(name, material[0], material.subarray(1));
  if (hex(key.id) !== id) throw malformed;
  return key;
}

/** The note, its signatures unverified; refuses `note-malformed`. @param {Uint8Array} bytes @returns {Note} */
export function parseNote(bytes) {
  const whole = readText(bytes);
  if (/[\0-\x09\x0b-\x1f]/.test(whole)) throw noteMalformed("a control character");
  const end = whole.lastIndexOf("\n\n");
  const lines = whole.slice(end + 2);
  if (end < 1 || !lines.endsWith("\n")) {
    throw noteMalformed("no blank line between text and signatures, or no newline at the end");
  }
  const signatures = lines.slice(0, -1).split("\n").map(parseSignature);
  if (signatures.length > MAX_SIGNATURES) throw noteMalformed(`more than ${MAX_SIGNATURES} signatures`);
  return { text: whole.slice(0, end + 1), signatures };
}

/** Origin, size and root, and nothing else; refuses `checkpoint-malformed`. @param {string} noteText */
export function parseCheckpoint(noteText) {
  const [origin, size, spelled, ...end] = noteText.split("\n");
  if (end.length !== 1 || end[0] !== "") throw checkpointMalformed("not exactly three lines");
  if (!KEY_NAME.test(origin)) throw checkpointMalformed("origin line");
  if (!/^[1-9][0-9]{0,15}$/.test(size) || !Number.isSafeInteger(Number(size))) throw checkpointMalformed("size line");
  let root;
  try {
    root = fromB64(spelled);
  } catch {
    throw checkpointMalformed("root line");
  }
  if (root.length !== ROOT_SIZE) throw checkpointMalformed("root line");
  return { origin, size: Number(size), root, text: noteText };
}

/**
 * Check that every one of `keys` signed, in their order. Refuses `checkpoint-origin-differs`, `signature-missing`,
 * `signature-repeated`, `signature-invalid`, `signatures-out-of-order`.
 * @param {Checkpoint} checkpoint
 * @param {Note} note
 * @param {Key[]} keys
 * @returns {Promise<Key[]>} keys whose signature this browser can't check
 */
export async function checkSignatures(checkpoint, note, keys) {
  const unchecked = [];
  for (const key of keys) {
    if (key.name !== checkpoint.origin) {
      throw new Refusal("checkpoint-origin-differs", { origin: checkpoint.origin, expected: key.name });
    }
    if (!(await isChecked(checkpoint, note, key))) unchecked.push(key);
  }
  checkOrder(checkpoint, note, keys);
  return unchecked;
}

/**
 * Check the one signature of `key`: false where this browser can't. Refuses like `checkSignatures`.
 * @param {Checkpoint} checkpoint
 * @param {Note} note
 * @param {Key} key
 */
export async function isChecked(checkpoint, note, key) {
  const found = linesOf(note, key);
  if (!found.length) throw new Refusal("signature-missing", { key: shortKey(key) });
  if (found.length > 1) throw new Refusal("signature-repeated", { key: shortKey(key) });
  try {
    if (await holds(checkpoint, key, found[0].signature)) return true;
  } catch (error) {
    if (error instanceof Unavailable) return false;
    throw error;
  }
  throw new Refusal("signature-invalid", { key: shortKey(key) });
}

/** Refuses `signatures-out-of-order` where lines of `keys` stand in another order than these. */
export function checkOrder(
  /** @type {Checkpoint} */ checkpoint,
  /** @type {Note} */ note,
  /** @type {Key[]} */ keys,
) {
  const places = note.signatures.map((line) => keys.findIndex((key) => isBy(line, key))).filter((place) => place >= 0);
  if (places.some((place, i) => i > 0 && places[i - 1] > place)) {
    throw new Refusal("signatures-out-of-order", { origin: checkpoint.origin });
  }
}

/** The signature lines of one key. @param {Note} note @param {Key} key */
export function linesOf(note, key) {
  return note.signatures.filter((line) => isBy(line, key));
}

/** A key for a sentence: its name, algorithm and id. @param {Key} key */
export function shortKey(key) {
  return `${key.name} (${key.kind === ML_DSA_44 ? "ML-DSA-44" : "Ed25519"}, ${hex(key.id)})`;
}

/** The POSIX time that a cosignature begins with. @param {Uint8Array} signature */
export function timeOf(signature) {
  return signature.subarray(0, TIME_SIZE).reduce((time, byte) => time * 256n + BigInt(byte), 0n);
}

/** @param {Checkpoint} checkpoint @param {Key} key @param {Uint8Array} signature */
async function holds(checkpoint, key, signature) {
  if (key.kind === ED25519) return verifyEd25519(key.public, utf8(checkpoint.text), signature);
  if (signature.length < TIME_SIZE || signature[0] > 127) return false; // a time goes up to 2^63 - 1
  const rest = signature.subarray(TIME_SIZE);
  if (key.kind === COSIGNATURE) {
    return verifyEd25519(key.public, utf8(`cosignature/v1\ntime ${timeOf(signature)}\n${checkpoint.text}`), rest);
  }
  return verifyMlDsa44(key.public, subtreeMessage(checkpoint, key.name, signature.subarray(0, TIME_SIZE)), rest);
}

/** The structure `cosigned_message` of tlog-cosignature for a whole checkpoint, whose start is 0. */
function subtreeMessage(
  /** @type {Checkpoint} */ checkpoint,
  /** @type {string} */ name,
  /** @type {Uint8Array} */ time,
) {
  const numbers = concat(bigEndian(0, 8), bigEndian(checkpoint.size, 8));
  return concat(utf8("subtree/v1\n\0"), opaque(name), time, opaque(checkpoint.origin), numbers, checkpoint.root);
}

/** A text after its length in one byte. @param {string} value */
function opaque(value) {
  const bytes = utf8(value);
  return concat(Uint8Array.of(bytes.length), bytes);
}

/** Whether a signature holds; throws `Unavailable` where the browser has no Ed25519. @returns {Promise<boolean>} */
async function verifyEd25519(
  /** @type {Uint8Array} */ publicKey,
  /** @type {Uint8Array} */ message,
  /** @type {Uint8Array} */ signature,
) {
  let key;
  try {
    key = await crypto.subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotSupportedError") throw new Unavailable("Ed25519");
    return false; // the browser knows the algorithm, and these bytes are no key
  }
  return crypto.subtle.verify("Ed25519", key, signature, message);
}

/** @param {string} line @returns {Signature} */
function parseSignature(line) {
  const [name, spelled, ...more] = line.slice(DASH.length).split(" ");
  if (!line.startsWith(DASH) || spelled === undefined || more.length || !KEY_NAME.test(name)) {
    throw noteMalformed(`signature line ${line.slice(0, 40)}`);
  }
  let blob;
  try {
    blob = fromB64(spelled);
  } catch {
    throw noteMalformed(`the base64 of the signature by ${name}`);
  }
  if (blob.length <= KEY_ID_SIZE) throw noteMalformed(`the signature by ${name} is too short`);
  return { name, id: blob.subarray(0, KEY_ID_SIZE), signature: blob.subarray(KEY_ID_SIZE) };
}

/** @param {Signature} line @param {Key} key */
function isBy(line, key) {
  return line.name === key.name && same(line.id, key.id);
}

/** @param {Uint8Array} bytes */
function readText(bytes) {
  try {
    return text(bytes);
  } catch {
    throw noteMalformed("not UTF-8");
  }
}

/** @param {string} reason */
function noteMalformed(reason) {
  return new Refusal("note-malformed", { reason });
}

/** @param {string} reason */
function checkpointMalformed(reason) {
  return new Refusal("checkpoint-malformed", { reason });
}
