// A receipt in PDF: the seal over all its bytes, and the two files in it. It is accepted only in the one form that the
// platform writes: one signature, whose range is the whole file but its own value; a canonical CMS of the certificate
// that the policy names (RFC 5652); zeros behind it; and the file's own digest in it.
import { concat, hex, Refusal, same, sha256 } from "./bytes.js";
import { der, elements, fromHex } from "./der.js";

const CONTENTS = /\/Contents (<[^<>]{2560}>)/g;
const RANGE_ROOM = "/ByteRange [ 0 9999999999 9999999999 9999999999 ]".length;
const ATTACHED = /\/EF <<\s*\/F (\d+) 0 R[^>]*>>\s*\/F \(([^()\\]*)\)/g;
const NAMES = ["opening.json", "receipt.tlog-proof"];
const PIECE = 8192;
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n; // of the curve P-256

const [SEQUENCE, SET, INTEGER, OCTETS, FIRST] = [0x30, 0x31, 0x02, 0x04, 0xa0];
const DATA = fromHex("06092a864886f70d010701");
const SIGNED_DATA = fromHex("06092a864886f70d010702");
const CONTENT_TYPE = fromHex("06092a864886f70d010903");
const MESSAGE_DIGEST = fromHex("06092a864886f70d010904");
const SIGNING_CERTIFICATE = fromHex("060b2a864886f70d010910022f");
const SHA256 = fromHex("300d06096086480165030402010500");
const ECDSA_SHA256 = fromHex("300a06082a8648ce3d040302");
const VERSION_1 = fromHex("020101");

/** @typedef {{ proof: Uint8Array, opening: Uint8Array }} Attachments */

/**
 * Check that the seal is by the certificate with this hash (hex) and over every byte. Refuses `receipt-seal-missing`,
 * `receipt-bytes-changed`, `receipt-signature-changed`, `receipt-certificate-unknown`.
 * @param {Uint8Array} pdf
 * @param {string} certificateSha256
 */
export async function checkSeal(pdf, certificateSha256) {
  const written = characters(pdf);
  const found = [...written.matchAll(CONTENTS)];
  if (found.length !== 1) throw new Refusal("receipt-seal-missing");
  const start = found[0].index + found[0][0].indexOf("<");
  const end = found[0].index + found[0][0].length;
  const range = `/ByteRange [ 0 ${start} ${end} ${pdf.length - end}`.padEnd(RANGE_ROOM - 1) + "]";
  if (written.split(range).length !== 2) throw new Refusal("receipt-bytes-changed");
  const digest = await signedDigest(signatureIn(written.slice(start + 1, end - 1)), certificateSha256);
  if (!same(digest, await sha256(pdf.subarray(0, start), pdf.subarray(end)))) {
    throw new Refusal("receipt-bytes-changed");
  }
}

/** The two files in a PDF, stored as they are; refuses `receipt-attachments-missing`. @param {Uint8Array} pdf */
export function attachments(pdf) {
  const written = characters(pdf);
  const specs = [...written.matchAll(ATTACHED)].sort((one, other) => (one[2] < other[2] ? -1 : 1));
  if (specs.map((spec) => spec[2]).join() !== NAMES.join()) throw new Refusal("receipt-attachments-missing");
  const [opening, proof] = specs.map((spec) => stream(pdf, written, spec[1]));
  return { proof, opening };
}

/** The bytes of stream object `number`. */
function stream(/** @type {Uint8Array} */ pdf, /** @type {string} */ written, /** @type {string} */ number) {
  const found = [...written.matchAll(new RegExp(`\\n${number} 0 obj\\s*<<([^]*?)>>\\s*stream\\r?\\n`, "g"))];
  const length = /\/Length (\d+)(?! \d+ R)/.exec(found[0]?.[1] ?? "");
  const missing = new Refusal("receipt-attachments-missing");
  if (found.length !== 1 || !length || found[0][1].includes("/Filter")) throw missing;
  const start = found[0].index + found[0][0].length;
  const end = start + Number(length[1]);
  if (!/^\s*endstream/.test(written.slice(end, end + 12))) throw missing;
  return pdf.slice(start, end);
}

/** The DER at the start of a signature value: lower-case digits, and zeros behind it. @param {string} digits */
function signatureIn(digits) {
  const bytes = /^[0-9a-f]*$/.test(digits) ? fromHex(digits) : new Uint8Array();
  const length = 4 + (bytes[2] << 8) + bytes[3];
  if (bytes[1] !== 0x82 || bytes.subarray(length).some((byte) => byte !== 0)) throw signatureChanged();
  return bytes.subarray(0, length);
}

/** The digest that a CMS signature is over, after all of it was checked. */
async function signedDigest(/** @type {Uint8Array} */ encoded, /** @type {string} */ certificateSha256) {
  const { certificate, digest, value } = partsOf(encoded);
  const attributes = await signedAttributes(certificate, digest);
  if (!same(build(certificate, attributes, value), encoded)) throw signatureChanged();
  const fingerprint = hex(await sha256(certificate));
  if (fingerprint !== certificateSha256) throw new Refusal("receipt-certificate-unknown", { sha256: fingerprint });
  const key = await crypto.subtle.importKey(
    "spki", tbs(certificate)[6].whole, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"],
  );
  const algorithm = { name: "ECDSA", hash: "SHA-256" };
  const isRight = await crypto.subtle.verify(algorithm, key, rawSignature(value), der(SET, attributes));
  if (!isRight) throw signatureChanged();
  return digest;
}

/** What varies from one signature to the next; whether the rest is as it must be is seen by building it again. */
function partsOf(/** @type {Uint8Array} */ encoded) {
  return orRefuse(() => {
    const signed = elements(elements(elements(elements(encoded)[0].content)[1].content)[0].content);
    const certificate = elements(signed[3].content)[0].whole;
    const signer = elements(elements(signed[4].content)[0].content);
    const attributes = elements(signer[3].content).map((attribute) => elements(attribute.content));
    const stated = attributes.filter(([type]) => same(type.whole, MESSAGE_DIGEST))[0];
    return { certificate, digest: elements(stated[1].content)[0].content, value: signer[5].content };
  });
}

/** The one encoding of a signature, all but the parts of which are fixed. */
function build(
  /** @type {Uint8Array} */ certificate,
  /** @type {Uint8Array} */ attributes,
  /** @type {Uint8Array} */ value,
) {
  const [, serial, , issuer] = tbs(certificate);
  const issued = der(SEQUENCE, issuer.whole, serial.whole);
  const signature = der(OCTETS, value);
  const signer = der(SEQUENCE, VERSION_1, issued, SHA256, der(FIRST, attributes), ECDSA_SHA256, signature);
  const parts = [VERSION_1, der(SET, SHA256), der(SEQUENCE, DATA), der(FIRST, certificate), der(SET, signer)];
  return der(SEQUENCE, SIGNED_DATA, der(FIRST, der(SEQUENCE, ...parts)));
}

/** Content type, digest, and the certificate's own hash, in the order of DER. */
async function signedAttributes(/** @type {Uint8Array} */ certificate, /** @type {Uint8Array} */ digest) {
  const own = der(SEQUENCE, der(SEQUENCE, der(SEQUENCE, der(OCTETS, await sha256(certificate)))));
  return concat(
    der(SEQUENCE, CONTENT_TYPE, der(SET, DATA)),
    der(SEQUENCE, MESSAGE_DIGEST, der(SET, der(OCTETS, digest))),
    der(SEQUENCE, SIGNING_CERTIFICATE, der(SET, own)),
  );
}

/** The parts of a certificate: version, serial number, algorithm, issuer, validity, subject, key. */
function tbs(/** @type {Uint8Array} */ certificate) {
  const parts = orRefuse(() => elements(elements(elements(certificate)[0].content)[0].content));
  if (parts.length < 7) throw signatureChanged();
  return parts;
}

/** r and s as 32 bytes each; s is in the lower half, so that there is one signature only. */
function rawSignature(/** @type {Uint8Array} */ value) {
  const parts = orRefuse(() => elements(elements(value)[0].content));
  const numbers = parts.map(({ content }) => BigInt(`0x${hex(content) || "0"}`));
  if (numbers.length !== 2 || numbers.some((number) => number >= ORDER) || numbers[1] > ORDER / 2n) {
    throw signatureChanged();
  }
  if (!same(der(SEQUENCE, ...numbers.map(encodeNumber)), value)) throw signatureChanged();
  return fromHex(numbers.map((number) => number.toString(16).padStart(64, "0")).join(""));
}

/** A number that is not negative, as DER writes it. @param {bigint} number */
function encodeNumber(number) {
  const digits = number.toString(16);
  const bytes = fromHex(digits.length % 2 ? `0${digits}` : digits);
  return der(INTEGER, bytes[0] > 127 ? concat(Uint8Array.of(0), bytes) : bytes);
}

/** One character per byte, so that places in the text are places in the file. @param {Uint8Array} bytes */
function characters(bytes) {
  let written = "";
  for (let at = 0; at < bytes.length; at += PIECE) written += String.fromCharCode(...bytes.subarray(at, at + PIECE));
  return written;
}

/**
 * What `read` reads; an encoding that can't be read is a changed one.
 * @template T
 * @param {() => T} read
 * @returns {T}
 */
function orRefuse(read) {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) throw signatureChanged();
    throw error;
  }
}

function signatureChanged() {
  return new Refusal("receipt-signature-changed");
}
