// Whom a verifier trusts (C2SP tlog-policy): the keys of the log, and the witnesses who must have cosigned.
import { Refusal, same, sha256, text } from "./bytes.js";
import { COSIGNATURE, ED25519, makeKey, ML_DSA_44, parseCheckpoint, parseKey } from "./note.js";

const NONE = "none";
const MAX_WITNESSES = 30;
const CONTROL = /[\0-\x08\x0b-\x1f\x7f]/;
const ENDED = /# ended (\S+) (\S+) (\S+)/g;
const UNPRINTABLE = /[\p{C}\p{Z}]/u;
const CERTIFICATE = /# receipt-certificate sha256:([0-9a-f]{64})/g;
const TOLERANT = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * @typedef {import("./note.js").Key} Key
 * @typedef {{ name: string, key: Key }} Witness
 * @typedef {{ name: string, threshold: number, members: string[] }} Group
 * @typedef {{ keys: Key[], witnesses: Witness[], groups: Group[], quorum: string | null, sha256: Uint8Array,
 *   certificateSha256: string | null, ended: import("./note.js").Checkpoint[] }} Policy `certificateSha256` in hex: who
 *   seals receipts that are PDF files; `ended`: the last heads of origins that were given up
 */

/**
 * The policy in a file; refuses `policy-malformed`, `verifier-key-malformed`.
 * @param {Uint8Array} bytes
 * @returns {Promise<Policy>}
 */
export async function parsePolicy(bytes) {
  const draft = new Draft();
  for (const line of linesOf(bytes)) {
    if (line.comment) draft.takeComment(line.text);
    else await draft.take(line.text, line.text.split(/[ \t]+/));
  }
  return draft.finish(await sha256(bytes));
}

/** Whether these witnesses, all of whom cosigned, are enough. @param {Policy} policy @param {Iterable<string>} names */
export function isQuorum(policy, names) {
  if (policy.quorum === null) return true;
  const standing = new Set(names);
  for (const group of policy.groups) { // members are defined before, so one pass is enough
    if (group.members.filter((member) => standing.has(member)).length >= group.threshold) standing.add(group.name);
  }
  return standing.has(policy.quorum);
}

/**
 * Refuses `origin-ended` for a checkpoint of an origin that was given up at a smaller size, or at another root.
 * @param {import("./note.js").Checkpoint} checkpoint
 * @param {Policy[]} policies
 */
export function refuseEnded({ origin, size, root }, policies) {
  const ended = policies.flatMap((policy) => policy.ended).filter((head) => head.origin === origin);
  for (const head of ended) {
    if (size < head.size || (size === head.size && same(root, head.root))) continue;
    throw new Refusal("origin-ended", { origin, size, last: head.size });
  }
}

/** What a policy's lines have said so far. */
class Draft {
  /** @type {Key[]} */ keys = [];
  /** @type {Witness[]} */ witnesses = [];
  /** @type {Group[]} */ groups = [];
  /** @type {string[]} */ quorums = [];
  /** @type {string[]} */ certificates = [];
  /** @type {import("./note.js").Checkpoint[]} */ ended = [];
  /** @type {Set<string>} */ names = new Set([NONE]);
  /** @type {Set<string>} */ grouped = new Set();

  /** @param {string} line @param {string[]} words */
  async take(line, words) {
    const [kind, ...rest] = words;
    if (kind === "log" && (rest.length === 1 || rest.length === 2)) this.keys.push(await parseKey(rest[0]));
    else if (kind === "witness" && (rest.length === 2 || rest.length === 3)) await this.addWitness(rest);
    else if (kind === "group" && rest.length >= 3) this.addGroup(rest[0], rest[1], rest.slice(2));
    else if (kind === "quorum" && rest.length === 1 && this.names.has(rest[0])) this.quorums.push(rest[0]);
    else throw malformed(line);
  }

  /** @param {string} line */
  takeComment(line) {
    for (const [, hash] of line.matchAll(CERTIFICATE)) this.certificates.push(hash);
    for (const [, ...head] of line.matchAll(ENDED)) this.ended.push(parseCheckpoint(`${head.join("\n")}\n`));
  }

  /** @param {string[]} words */
  async addWitness([name, vkey, url = ""]) {
    this.define(name);
    let key = await parseKey(vkey);
    // Some tools write a witness's key as that of a note; its cosignatures are of type 04.
    if (key.kind === ED25519) key = await makeKey(key.name, COSIGNATURE, key.public);
    if (this.witnesses.some((other) => same(other.key.public, key.public))) {
      throw malformed(`witness ${name}: this key stands twice`);
    }
    if (this.witnesses.length === MAX_WITNESSES) throw malformed(`more than ${MAX_WITNESSES} witnesses`);
    if (UNPRINTABLE.test(url)) throw malformed(`witness ${name}: its address`);
    this.witnesses.push({ name, key });
  }

  /** @param {string} name @param {string} stated @param {string[]} members */
  addGroup(name, stated, members) {
    for (const member of members) {
      if (member === NONE || !this.names.has(member) || this.grouped.has(member)) {
        throw malformed(`group ${name}: ${member} is not defined before, or in a group already`);
      }
      this.grouped.add(member);
    }
    this.define(name);
    this.groups.push({ name, threshold: threshold(name, stated, members.length), members });
  }

  /** @param {string} name */
  define(name) {
    if (this.names.has(name) || UNPRINTABLE.test(name)) {
      throw malformed(`the name ${name} is taken, reserved or unprintable`);
    }
    this.names.add(name);
  }

  /** @param {Uint8Array} hash @returns {Policy} */
  finish(hash) {
    const { keys, witnesses, groups, quorums, certificates, ended } = this;
    const twice = keys.some((key, i) => keys.slice(0, i).some((other) => isSame(key, other)));
    if (!keys.length || twice || keys.some((key) => key.name !== keys[0].name)) {
      throw malformed("log keys of one origin, each once");
    }
    if (keys.some((key) => key.kind !== ED25519 && key.kind !== ML_DSA_44)) {
      throw malformed("a log key that signs no checkpoints");
    }
    if (quorums.length !== 1 || certificates.length > 1) {
      throw malformed("one quorum line, at most one receipt certificate");
    }
    if (keys.some((key) => witnesses.some((witness) => same(witness.key.public, key.public)))) {
      throw malformed("a key of the log is no witness");
    }
    const quorum = quorums[0] === NONE ? null : quorums[0];
    return { keys, witnesses, groups, quorum, sha256: hash, certificateSha256: certificates[0] ?? null, ended };
  }
}

/**
 * The lines that are not empty. What is no UTF-8 may stand in a comment only, as nothing else could be read in it.
 * @param {Uint8Array} bytes
 * @returns {{ comment: boolean, text: string }[]}
 */
function linesOf(bytes) {
  const whole = TOLERANT.decode(bytes);
  if (!whole.endsWith("\n") || CONTROL.test(whole)) throw malformed("no newline at the end, or a control character");
  const lines = [];
  for (const [start, end] of spans(bytes)) {
    const line = TOLERANT.decode(bytes.subarray(start, end)).replace(/^[ \t]+|[ \t]+$/g, "");
    if (line.startsWith("#")) lines.push({ comment: true, text: line });
    else if (line) lines.push({ comment: false, text: strict(bytes.subarray(start, end), line) });
  }
  return lines;
}

/** Where each line begins and ends. @param {Uint8Array} bytes */
function* spans(bytes) {
  for (let start = 0, end = bytes.indexOf(10); end >= 0; start = end + 1, end = bytes.indexOf(10, start)) {
    yield [start, end];
  }
}

/** @param {Uint8Array} bytes @param {string} line */
function strict(bytes, line) {
  try {
    text(bytes);
    return line;
  } catch {
    throw malformed(line);
  }
}

/** @param {Key} key @param {Key} other */
function isSame(key, other) {
  return key.kind === other.kind && same(key.public, other.public);
}

/** @param {string} name @param {string} stated @param {number} count */
function threshold(name, stated, count) {
  if (stated === "any") return 1;
  if (stated === "all") return count;
  if (!/^0*[1-9][0-9]*$/.test(stated) || stated.length > String(count).length || Number(stated) > count) {
    throw malformed(`group ${name}: ${stated} of ${count}`);
  }
  return Number(stated);
}

/** @param {string} line */
function malformed(line) {
  return new Refusal("policy-malformed", { line: line.slice(0, 120) });
}
