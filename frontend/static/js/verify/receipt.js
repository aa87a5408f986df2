// A receipt held against the policy: signatures, witnesses, inclusion, opening. Every byte of both files counts.
// The checks, their order and their verdicts are those of `python -m ledger.verify receipt`.
import { fromB64, hex, Refusal, same, sha256, text } from "./bytes.js";
import { canonical, isObject, parseCanonical } from "./canonical.js";
import { checkEntry, checkHeader, checkLine, isFormLeftOut } from "./entry.js";
import { leafHash, rootFromInclusion, rootFromLines } from "./merkle.js";
import {
  checkOrder, checkSignatures, isChecked, linesOf, parseCheckpoint, parseNote, shortKey, timeOf,
} from "./note.js";
import { isQuorum, parsePolicy, refuseEnded } from "./policy.js";
import { Report } from "./report.js";
import { attachments, checkSeal } from "./seal.js";

const MAGIC = "c2sp.org/tlog-proof@v1";
const HASH_SIZE = 32;

/**
 * @typedef {import("./entry.js").Members} Members
 * @typedef {import("./policy.js").Policy} Policy
 * @typedef {{ bytes: Uint8Array, others: Uint8Array[], isOfSite: boolean, pin: string }} Trust a policy, others of the
 *   same log, where they came from, and the hash in hex that the first must have, or nothing
 * @typedef {{ index: number, path: Uint8Array[], checkpoint: Uint8Array }} Proof
 * @typedef {{ index: number, nonce: Uint8Array, line: Members }} OpenedLine
 * @typedef {{ entry: Members, header: OpenedLine, line: OpenedLine, path: Uint8Array[] }} Opening
 * @typedef {{ opening: Opening, origin: string, size: number }} Said what a receipt proves to have been recorded
 */

/**
 * Check one receipt. Without a policy all but the signatures is checked, and the verdict is at best incomplete.
 * @param {{ pdf: Uint8Array } | import("./seal.js").Attachments} files a PDF, or the two files by themselves
 * @param {Trust | null} trust
 * @returns {Promise<{ report: Report, said: Said | null }>} `said` only where every check that was made passed
 */
export async function verifyReceipt(files, trust) {
  const report = new Report();
  /** @type {Said | null} */ let said = null;
  await report.run(async () => {
    const policies = trust ? await checkPolicy(report, trust) : [];
    const attached = "pdf" in files ? await checkPdf(report, files.pdf, policies[0]) : files;
    const [proofBytes, openingBytes] = [attached.proof, attached.opening];
    const proof = await report.check("proof", () => parseProof(proofBytes), () => ({ n: proofBytes.length }));
    const opening = await report.check("opening-form", () => parseOpening(openingBytes), () => ({
      n: openingBytes.length,
    }));
    const policy = await policyOf(proof.checkpoint, trust?.pin ? policies.slice(0, 1) : policies);
    const checkpoint = await checkHead(report, proof.checkpoint, policy, policies);
    if (trust?.isOfSite && policy && !trust.pin) {
      report.leaveOpen("policy", "policy-of-site", { policy: hex(policy.sha256) });
    }
    await checkInclusion(report, proof, opening.entry, checkpoint);
    await checkOpening(report, opening);
    said = { opening, origin: checkpoint.origin, size: checkpoint.size };
  });
  if (!trust) report.missing.push({ key: "no-policy", facts: {} });
  report.notChecked.push({ key: "truth", facts: {} });
  return { report, said };
}

/** The two parts of the first file; refuses `proof-malformed`. @param {Uint8Array} bytes @returns {Proof} */
export function parseProof(bytes) {
  const end = bytes.findIndex((byte, i) => byte === 10 && bytes[i + 1] === 10);
  const head = end < 0 ? [] : asciiLines(bytes.subarray(0, end));
  const [magic, indexLine = "", ...steps] = head;
  if (magic !== MAGIC) throw proofMalformed(`the first line is not ${MAGIC}, or the blank line is missing`);
  const index = /^index (0|[1-9][0-9]{0,15})$/.exec(indexLine);
  if (!index || !Number.isSafeInteger(Number(index[1]))) throw proofMalformed("the index line");
  try {
    const path = steps.map((step) => sized(step, HASH_SIZE));
    return { index: Number(index[1]), path, checkpoint: bytes.subarray(end + 2) };
  } catch {
    throw proofMalformed("a hash of the inclusion path");
  }
}

/** The second file; refuses `opening-malformed`. @param {Uint8Array} bytes @returns {Opening} */
export function parseOpening(bytes) {
  try {
    const whole = members(parseCanonical(bytes), ["entry", "header", "line", "path"]);
    const header = members(whole.header, ["line", "nonce"]);
    const line = members(whole.line, ["index", "line", "nonce"]);
    if (!Number.isSafeInteger(line.index)) throw openingMalformed("a number is missing");
    if (!Array.isArray(whole.path)) throw openingMalformed("a list is missing");
    return {
      entry: members(whole.entry),
      header: { index: 0, nonce: sized(header.nonce, HASH_SIZE), line: members(header.line) },
      line: { index: Number(line.index), nonce: sized(line.nonce, HASH_SIZE), line: members(line.line) },
      path: whole.path.map((step) => sized(step, HASH_SIZE)),
    };
  } catch (error) {
    if (error instanceof Refusal) throw openingMalformed(String(error.facts.reason ?? error.code));
    throw error;
  }
}

/** The policies, the one to trust first. @param {Report} report @param {Trust} trust @returns {Promise<Policy[]>} */
async function checkPolicy(report, trust) {
  return report.check("policy", async () => {
    const hash = hex(await sha256(trust.bytes));
    if (trust.pin && trust.pin !== hash) throw new Refusal("policy-not-pinned", { pinned: trust.pin, policy: hash });
    return Promise.all([trust.bytes, ...trust.others].map(parsePolicy));
  }, ([policy]) => ({ policy: hex(policy.sha256) }));
}

/**
 * Of several policies the first under which a note stands, else the first whose keys have lines in it, else the first.
 * @param {Uint8Array} note
 * @param {Policy[]} policies
 * @returns {Promise<Policy | undefined>}
 */
async function policyOf(note, policies) {
  for (const policy of policies.length > 1 ? policies : []) {
    const trial = new Report();
    await trial.run(async () => void (await checkHead(trial, note, policy, policies)));
    if (trial.verdict === "verified") return policy;
  }
  return policies.find((policy) => policy.keys.every((key) => isSignedBy(note, key))) ?? policies[0];
}

/** Whether a note has a line of this key. @param {Uint8Array} bytes @param {import("./note.js").Key} key */
function isSignedBy(bytes, key) {
  try {
    return linesOf(parseNote(bytes), key).length > 0;
  } catch {
    return false; // a note that can't be read is refused when it is checked
  }
}

/** The seal over all bytes of the PDF first, then the two files in it. Without a certificate the seal is left open. */
async function checkPdf(
  /** @type {Report} */ report,
  /** @type {Uint8Array} */ pdf,
  /** @type {Policy | undefined} */ policy,
) {
  const certificate = policy?.certificateSha256 ?? null;
  await report.check("seal", () => certificate && checkSeal(pdf, certificate), () => ({ n: pdf.length }));
  if (!certificate) report.leaveOpen("seal", "no-certificate");
  report.notChecked.push({ key: "page", facts: {} });
  return report.check("attachments", () => attachments(pdf));
}

/** The checkpoint in a signed note, held against the policy; without one, its form alone. */
async function checkHead(
  /** @type {Report} */ report,
  /** @type {Uint8Array} */ bytes,
  /** @type {Policy | undefined} */ policy,
  /** @type {Policy[]} */ policies,
) {
  if (!policy) return report.check("checkpoint", () => parseCheckpoint(parseNote(bytes).text));
  const keys = policy.keys.map(shortKey).join(", ");
  const head = await report.check("signatures", async () => {
    const note = parseNote(bytes);
    const checkpoint = parseCheckpoint(note.text);
    const unchecked = await checkSignatures(checkpoint, note, policy.keys);
    refuseEnded(checkpoint, policies);
    return { note, checkpoint, unchecked };
  }, () => ({ keys }));
  if (head.unchecked.length) {
    report.leaveOpen("signatures", "no-ed25519", { keys: head.unchecked.map(shortKey).join(", ") });
  }
  await checkWitnesses(report, head, policy);
  const known = [...policy.keys, ...policy.witnesses.map((witness) => witness.key)];
  for (const line of head.note.signatures) {
    const isKnown = known.some((key) => key.name === line.name && same(key.id, line.id));
    if (!isKnown) report.notChecked.push({ key: "stranger", facts: { name: line.name } });
  }
  return head.checkpoint;
}

/**
 * The policy decides who must have cosigned. A bad cosignature is a forgery; too few leave the matter open.
 * @param {Report} report
 * @param {{ note: import("./note.js").Note, checkpoint: import("./note.js").Checkpoint }} head
 * @param {Policy} policy
 */
async function checkWitnesses(report, { note, checkpoint }, policy) {
  if (policy.quorum === null) {
    report.notChecked.push({ key: "no-witnesses", facts: {} });
    return;
  }
  /** @type {string[]} */ const unchecked = [];
  const cosigned = await report.check("witnesses", async () => {
    const found = policy.witnesses.filter((witness) => linesOf(note, witness.key).length);
    for (const witness of found) if (!(await isChecked(checkpoint, note, witness.key))) unchecked.push(witness.name);
    checkOrder(checkpoint, note, [...policy.keys, ...policy.witnesses.map((witness) => witness.key)]);
    return found;
  }, (found) => ({ names: found.map((witness) => saidBy(note, witness)).join(", ") }));
  const names = cosigned.map((witness) => witness.name);
  if (!isQuorum(policy, names)) {
    const facts = { origin: checkpoint.origin, quorum: policy.quorum, have: names.join(", ") || "none" };
    report.leaveOpen("witnesses", "quorum-not-reached", facts);
  } else if (!isQuorum(policy, names.filter((name) => !unchecked.includes(name)))) {
    report.leaveOpen("witnesses", "no-ed25519", { keys: unchecked.join(", ") });
  }
}

/** A witness and when it cosigned. */
function saidBy(
  /** @type {import("./note.js").Note} */ note,
  /** @type {import("./policy.js").Witness} */ witness,
) {
  const seconds = Number(timeOf(linesOf(note, witness.key)[0].signature));
  const when = seconds > 253402300799 ? `second ${seconds}` : new Date(seconds * 1000).toISOString();
  return `${witness.name} (${when.replace(/\.000Z$/, "Z")})`;
}

/** That the public entry is complete, is the one of the proof, and stands in the log. */
async function checkInclusion(
  /** @type {Report} */ report,
  /** @type {Proof} */ proof,
  /** @type {Members} */ entry,
  /** @type {import("./note.js").Checkpoint} */ checkpoint,
) {
  const { index, path } = proof;
  const size = checkpoint.size;
  await report.check("entry", () => checkEntry(entry, typeof entry.n === "number" ? entry.n : -1), () => ({
    type: String(entry.t),
  }));
  await report.check("number", () => {
    if (entry.n !== index) throw new Refusal("opening-of-another-entry", { n: index, stated: String(entry.n) });
  }, () => ({ n: index }));
  await report.check("inclusion", async () => {
    const root = await rootFromInclusion(await leafHash(canonical(entry)), index, size, path);
    if (!root || !same(root, checkpoint.root)) throw new Refusal("entry-not-in-log", { n: index, size });
  }, () => ({ n: index, size, hashes: path.length }));
}

/** That header and line are those the entry commits to, and say what an entry of its type may say. */
async function checkOpening(/** @type {Report} */ report, /** @type {Opening} */ opening) {
  const { entry, header, line } = opening;
  const n = Number(entry.n);
  await report.check("opening", async () => {
    if (!isObject(entry.l) || line.index === 0) throw new Refusal("opening-does-not-fit", { n });
    const opened = new Map([[0, await commitment(header)], [line.index, await commitment(line)]]);
    const root = await rootFromLines(Number(entry.l.n), opened, opening.path);
    if (!root || !same(root, fromB64(String(entry.l.root)))) throw new Refusal("opening-does-not-fit", { n });
  }, () => ({ n, line: line.index }));
  await report.check("lines", () => {
    checkHeader(entry, header.line);
    checkLine(entry, line.index, line.line);
  });
  if (isFormLeftOut(entry.t)) report.leaveOpen("lines", "lines-of-type", { type: String(entry.t) });
}

/** SHA-256(nonce ‖ canonical line). @param {OpenedLine} opened */
function commitment(opened) {
  return sha256(opened.nonce, canonical(opened.line));
}

/** @param {Uint8Array} bytes */
function asciiLines(bytes) {
  if (bytes.some((byte) => byte > 127)) throw proofMalformed("the first lines");
  return text(bytes).split("\n");
}

/**
 * The members of an object, which are exactly `names`, in order, where these are given.
 * @param {unknown} value
 * @param {string[]} [names]
 */
function members(value, names) {
  if (!isObject(value)) throw openingMalformed("an object is missing");
  const keys = Object.keys(value).sort();
  if (names && keys.join() !== names.join()) throw openingMalformed(`an object with the members ${names} is missing`);
  return value;
}

/** @param {unknown} spelled @param {number} size */
function sized(spelled, size) {
  if (typeof spelled !== "string") throw openingMalformed("a text is missing");
  const bytes = fromB64(spelled);
  if (bytes.length !== size) throw openingMalformed(`${size} bytes are missing`);
  return bytes;
}

/** @param {string} reason */
function proofMalformed(reason) {
  return new Refusal("proof-malformed", { reason });
}

/** @param {string} reason */
function openingMalformed(reason) {
  return new Refusal("opening-malformed", { reason });
}
