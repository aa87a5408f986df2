// Public entries and their opened lines: which members they have, and in what form. Everything else is refused.
import { fromB64, Refusal } from "./bytes.js";
import { isObject } from "./canonical.js";

/** @typedef {{ [name: string]: import("./canonical.js").Json }} Members */

const GENESIS = "genesis/1";
const DATED = ["actor", "at", "key", "on", "purpose"];
const KEYED = ["actor", "at", "key"];
const FINDING = [KEYED, ["evidence"]];
const APPROVED_FINDING = [KEYED, ["approvals", "evidence"]];
/** What line 0 of each type must say, and what it may say besides. @type {Record<string, string[][]>} */
const HEADERS = {
  "accounts/1": [["actor", "at"], []],
  "posting/1": [DATED, ["approvals", "evidence", "hold", "meta", "rest", "restates", "reverses"]],
  "hold/1": [DATED, ["approvals", "evidence", "expires", "meta"]],
  "release/1": [[...KEYED, "hold", "step"], ["evidence"]],
  "rules/1": [KEYED, ["approvals", "evidence"]],
  "period/1": [[...KEYED, "until"], ["approvals", "evidence", "since"]],
  "note/1": [[...KEYED, "about", "text"], ["evidence"]],
  "state/1": FINDING,
  "verdict/1": FINDING,
  "totals/1": FINDING,
  "anchor/1": FINDING,
  "vote/1": FINDING,
  "erasure/1": APPROVED_FINDING,
  "key/1": APPROVED_FINDING,
  "policy/1": APPROVED_FINDING,
};
/** Findings may be any object; of these five types the form is more than that, and a page for holders leaves it. */
const FORM_NOT_CHECKED = ["totals/1", "anchor/1", "erasure/1", "key/1", "policy/1"];
const FINDINGS = ["state/1", "verdict/1", "vote/1", ...FORM_NOT_CHECKED];

const ACCOUNT = /^[0-9]{2,10}(:[A-Za-z0-9][A-Za-z0-9._-]{0,63})?$/;
const ASSET = /^[A-Z]([A-Z0-9-]{0,22}[A-Z0-9])?$/;
const MINUTE = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:00Z$/;
const INSTANT = /^([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})\.[0-9]{6}Z$/;

/** Every member that a header can have, and what it may be. @type {Record<string, (value: unknown) => boolean>} */
const MEMBERS = {
  about: isCount,
  actor: (value) => matches(/^[a-z0-9][a-z0-9.:-]{0,63}$/, value),
  approvals: (value) => Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === "string"),
  at: isInstant,
  evidence: (value) => matches(/^[0-9a-f]{64}$/, value),
  expires: isInstant,
  hold: isCount,
  key: isText,
  meta: isMeta,
  on: isDay,
  purpose: isText,
  rest: (value) => value === "released",
  restates: isDay,
  reverses: isCount,
  since: isDay,
  step: (value) => value === "void" || value === "expired",
  text: isText,
  until: isDay,
};

/**
 * Check the members of public entry `n`. Refuses `entry-type-unknown`, `entry-number-differs`, `entry-type-misplaced`,
 * `entry-malformed`.
 * @param {Members} entry
 * @param {number} n
 */
export function checkEntry(entry, n) {
  const type = entry.t;
  if (typeof type !== "string" || (type !== GENESIS && !Object.hasOwn(HEADERS, type))) {
    throw new Refusal("entry-type-unknown", { n, type: String(type).slice(0, 40) });
  }
  if (entry.n !== n) throw new Refusal("entry-number-differs", { n, stated: String(entry.n).slice(0, 40) });
  if ((type === GENESIS) !== (n === 0)) throw new Refusal("entry-type-misplaced", { n, type });
  const body = type === GENESIS ? "policy" : "l";
  if (!hasExactly(entry, [body, "n", "t", "ts"]) || !matches(MINUTE, entry.ts)) throw malformed(n, "ts");
  if (type === GENESIS) {
    if (!isHash(entry.policy)) throw malformed(n, "policy");
    return;
  }
  const lines = entry.l;
  if (!isObject(lines) || !hasExactly(lines, ["n", "root"]) || !isCount(lines.n)) throw malformed(n, "l");
  if (!isHash(lines.root)) throw malformed(n, "l.root");
}

/**
 * Check the header of a checked entry: its members, and the instant whose minute is public. Refuses `line-malformed`,
 * `entry-minute-differs`.
 * @param {Members} entry
 * @param {Members} line
 */
export function checkHeader(entry, line) {
  const n = Number(entry.n);
  const [required, optional] = HEADERS[String(entry.t)];
  const names = Object.keys(line);
  const known = hasAll(line, required) && names.every((name) => required.includes(name) || optional.includes(name));
  if (!known || names.some((name) => !MEMBERS[name](line[name]))) throw new Refusal("line-malformed", { n, line: 0 });
  const settlesAndReverses = "hold" in line && "reverses" in line;
  if (settlesAndReverses || ("rest" in line && !("hold" in line))) throw new Refusal("line-malformed", { n, line: 0 });
  if (`${String(line.at).slice(0, 16)}:00Z` !== entry.ts) {
    throw new Refusal("entry-minute-differs", { n, at: String(line.at), ts: String(entry.ts) });
  }
}

/**
 * Check line `index`, which is not the header, of a checked entry; refuses `line-malformed`.
 * @param {Members} entry
 * @param {number} index
 * @param {Members} line
 */
export function checkLine(entry, index, line) {
  if (!mayStand(String(entry.t), index, line)) throw new Refusal("line-malformed", { n: Number(entry.n), line: index });
}

/** Whether lines of this type have a form that is not checked here. @param {unknown} type */
export function isFormLeftOut(type) {
  return FORM_NOT_CHECKED.includes(String(type));
}

/** @param {string} type @param {number} index @param {Members} line */
function mayStand(type, index, line) {
  if (type === "posting/1") return isPosting(line);
  if (type === "hold/1") return !("v" in line) && !("prev" in line) && isPosting(line);
  if (type === "rules/1") return index === 1 && isRule(line);
  if (type === "accounts/1") return "account" in line ? isAccount(line, []) : isAsset(line);
  return FINDINGS.includes(type);
}

/** @param {Members} line */
function isPosting(line) {
  const sides = ["debit", "credit"].filter((name) => name in line);
  const chain = ["v", "prev"].filter((name) => name in line);
  if (sides.length !== 1 || !hasExactly(line, ["account", "asset", ...sides, ...chain])) return false;
  const first = !("prev" in line);
  const chained = !chain.length || (isCount(line.v) && first === (line.v === 1) && (first || isHash(line.prev)));
  return chained && isCount(line[sides[0]]) && matches(ACCOUNT, line.account) && matches(ASSET, line.asset);
}

/** @param {Members} line */
function isAsset(line) {
  if (!hasExactly(line, ["asset", "scale"]) || !isInteger(line.scale)) return false;
  return matches(ASSET, line.asset) && line.scale >= 0 && line.scale <= 9;
}

/**
 * An account with its limits, where it has any; the smaller one first.
 * @param {Members} line
 * @param {string[]} besides
 */
function isAccount(line, besides) {
  const allowed = ["account", "asset", "minimum", "maximum", ...besides];
  if (!hasAll(line, ["account", "asset"]) || Object.keys(line).some((name) => !allowed.includes(name))) return false;
  const limits = ["minimum", "maximum"].filter((name) => name in line).map((name) => line[name]);
  const ordered = limits.every(isInteger) && (limits.length < 2 || limits[0] <= limits[1]);
  return ordered && matches(ACCOUNT, line.account) && matches(ASSET, line.asset);
}

/** A new version of an account's limits; `closed` is there only where it is true. @param {Members} line */
function isRule(line) {
  const closed = !("closed" in line) || line.closed === true;
  return closed && isAccount(line, ["version", "closed"]) && isInteger(line.version) && line.version >= 2;
}

/** @param {Members} value @param {string[]} names */
function hasAll(value, names) {
  return names.every((name) => Object.hasOwn(value, name));
}

/** @param {Members} value @param {string[]} names */
function hasExactly(value, names) {
  return Object.keys(value).length === names.length && hasAll(value, names);
}

/** @param {RegExp} pattern @param {unknown} value */
function matches(pattern, value) {
  return typeof value === "string" && pattern.test(value);
}

/** @param {unknown} value @returns {value is number} */
function isInteger(value) {
  return Number.isSafeInteger(value);
}

/** @param {unknown} value */
function isCount(value) {
  return isInteger(value) && value >= 1;
}

/** 1 to 200 characters, counted as code points. @param {unknown} value */
function isText(value) {
  return typeof value === "string" && value !== "" && [...value].length <= 200;
}

/** @param {unknown} value */
function isMeta(value) {
  if (!isObject(value)) return false;
  const names = Object.keys(value);
  const named = names.every((name) => /^[a-z][a-z0-9_]{0,39}$/.test(name) && isText(value[name]));
  return named && names.length >= 1 && names.length <= 20;
}

/** @param {unknown} value */
function isHash(value) {
  try {
    return typeof value === "string" && fromB64(value).length === 32;
  } catch {
    return false;
  }
}

/** A day that the calendar has, of the years 1 to 9999. @param {unknown} value */
function isDay(value) {
  if (!matches(/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/, value)) return false;
  const [year, month, day] = String(value).split("-").map(Number);
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  return year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1];
}

/** @param {unknown} value */
function isInstant(value) {
  const parts = typeof value === "string" ? INSTANT.exec(value) : null;
  return parts !== null && isDay(parts[1]) && Number(parts[2]) < 24 && Number(parts[3]) < 60 && Number(parts[4]) < 60;
}

/** @param {number} n @param {string} member */
function malformed(n, member) {
  return new Refusal("entry-malformed", { n, member });
}
