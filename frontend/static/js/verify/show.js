// Draws the outcome of a verification with the words that the server put into the page, in the reader's language.

/**
 * @typedef {import("./report.js").Report} Report
 * @typedef {import("./report.js").Facts} Facts
 * @typedef {import("./receipt.js").Said} Said
 */

const KINDS = { verified: "good", incomplete: "warn", forged: "bad" };
const MARKS = { passed: "\u2713", failed: "\u2717", open: "\u2013" };
const LANGUAGE = document.documentElement.lang;
// Browsers don't know how Belgium writes English; its numbers look like German ones, and its dates like British ones.
const NUMBERS = LANGUAGE === "en" ? "de" : `${LANGUAGE}-BE`;
const DATES = LANGUAGE === "en" ? "en-GB" : `${LANGUAGE}-BE`;
const TIME_ZONE = "Europe/Brussels";

/** Show the verdict, what the receipt says, each check, and what is left. */
export function show(
  /** @type {HTMLElement} */ target,
  /** @type {{ report: Report, said: Said | null }} */ { report, said },
) {
  const verdict = make("div", `note note--${KINDS[report.verdict]} verdict`);
  verdict.dataset.verdict = report.verdict;
  verdict.append(make("h2", "h3", words(`verdict-${report.verdict}`)));
  verdict.append(make("p", "", words(`verdict-${report.verdict}-meaning`)));
  const told = make("div", "stack stack--loose");
  told.append(...remarks("missing", report.missing.map(({ key, facts }) => why(key, facts))));
  if (said) told.append(statement(said));
  told.append(...remarks("not-checked", report.notChecked.map(({ key, facts }) => words(`not-${key}`, facts))));
  const both = make("div", "split split--even");
  both.append(told, checks(report));
  target.replaceChildren(verdict, both);
  announce(words(`verdict-${report.verdict}`));
}

/** Show one sentence: something is under way, or was not possible at all. */
export function showNotice(/** @type {HTMLElement} */ target, /** @type {string} */ key) {
  const note = make("div", key === "checking" ? "note" : "note note--warn");
  note.dataset.notice = key;
  note.append(make("p", "", words(`notice-${key}`)));
  target.replaceChildren(note);
  announce(words(`notice-${key}`));
}

/** Tell it to whoever hears the page: the rest can be read at leisure. @param {string} sentence */
function announce(sentence) {
  const heard = document.getElementById("verify-status");
  if (heard) heard.textContent = sentence;
}

/** What was recorded, in the words of the page. @param {Said} said */
function statement({ opening, origin, size }) {
  const { entry, header, line } = opening;
  const { account, asset, debit, credit } = line.line;
  const rows = [["type", word(`type-${entry.t}`, String(entry.t))]];
  if (header.line.purpose) rows.push(["happened", word(`purpose-${header.line.purpose}`, String(header.line.purpose))]);
  if (debit || credit) rows.push(["amount", amount(String(debit ?? credit), String(asset))]);
  if (account) rows.push(["account", accountText(String(account), debit ? "debit" : credit ? "credit" : "")]);
  if (header.line.on) rows.push(["on", day(String(header.line.on))]);
  rows.push(["at", instant(String(header.line.at))]);
  rows.push(["entry", words("entry-of", { n: number(Number(entry.n)), size: number(size) })]);
  rows.push(["log", origin]);
  const facts = make("dl", "facts");
  for (const [name, value] of rows) {
    const row = make("div", name === "amount" ? "is-strong" : "");
    row.append(make("dt", "", words(`says-${name}`)), make("dd", "", value));
    facts.append(row);
  }
  const whole = make("div", "stack stack--tight");
  whole.append(heading("says"), facts);
  return whole;
}

/** Each check with its mark; the mark is said in words too. @param {Report} report */
function checks(report) {
  const list = make("ol", "checks");
  for (const { name, state, facts, code } of report.checks) {
    const item = make("li", `is-${state}`);
    item.dataset.check = name;
    item.dataset.state = state;
    if (code) item.dataset.code = code;
    const mark = make("span", "checks__mark", MARKS[state]);
    mark.setAttribute("aria-hidden", "true");
    const said = make("div", "checks__said");
    const title = make("p", "checks__name", words(`step-${name}`));
    title.append(make("span", "visually-hidden", ` ${words(`mark-${state}`)}`));
    said.append(title, make("p", "small soft", detail(name, state, facts, code)));
    item.append(mark, said);
    list.append(item);
  }
  const whole = make("div", "stack stack--tight");
  whole.append(heading("steps"), list);
  return whole;
}

/** The sentence under a check: what was found, what is wrong, or that it stands among what is left open. */
function detail(
  /** @type {string} */ name,
  /** @type {string} */ state,
  /** @type {Facts} */ facts,
  /** @type {string | undefined} */ code,
) {
  if (state === "open") return words("left-open");
  return code ? why(code, facts) : words(`detail-${name}`, facts);
}

/** @param {string} key @param {string[]} sentences */
function remarks(key, sentences) {
  if (!sentences.length) return [];
  const list = make("ul", "stack stack--tight");
  list.append(...sentences.map((sentence) => make("li", "", sentence)));
  const whole = make("div", "stack stack--tight");
  whole.append(heading(key), list);
  return [whole];
}

/** Why a check failed or is open: this page's own sentence, else that of the catalogue of refusals. */
function why(/** @type {string} */ code, /** @type {Facts} */ facts) {
  return word(`why-${code}`, "", facts) || word(`refusal-${code}`, code, facts);
}

/** @param {string} key */
function heading(key) {
  return make("h2", "h3", words(key));
}

/** @param {string} key @param {Facts} [facts] */
function words(key, facts = {}) {
  return word(key, key, facts);
}

/** The page's words for `key` with `facts` in their places, or `otherwise`. */
function word(/** @type {string} */ key, /** @type {string} */ otherwise, /** @type {Facts} */ facts = {}) {
  const holder = document.getElementById("verify-words");
  const all = holder instanceof HTMLTemplateElement ? holder.content : document;
  const text = all.querySelector(`[data-key="${CSS.escape(key)}"]`)?.textContent ?? otherwise;
  return text.replace(/\{(\w+)\}/g, (place, name) => (name in facts ? String(facts[name]) : place));
}

/** @param {string} account @param {string} side */
function accountText(account, side) {
  const [code] = account.split(":");
  const prefixes = Array.from(code, (_, i) => code.slice(0, code.length - i)); // the longest that the chart has
  const name = prefixes.map((prefix) => word(`account-${prefix}`, "")).find(Boolean);
  return [name ? `${account} (${name})` : account, side && words(side)].filter(Boolean).join(", ");
}

/** Euro with its cents, exact to the last of them; another asset counts its own smallest units. */
function amount(/** @type {string} */ minor, /** @type {string} */ asset) {
  if (asset !== "EUR") return words("units", { n: number(Number(minor)), asset });
  const padded = minor.padStart(3, "0");
  const euro = `${padded.slice(0, -2)}.${padded.slice(-2)}`;
  const format = new Intl.NumberFormat(NUMBERS, { style: "currency", currency: "EUR" });
  return format.format(/** @type {Intl.StringNumericLiteral} */ (euro));
}

/** @param {number} value */
function number(value) {
  return new Intl.NumberFormat(NUMBERS).format(value);
}

/** A calendar day, whatever the zone of this computer. @param {string} iso */
function day(iso) {
  return new Intl.DateTimeFormat(DATES, { dateStyle: "long", timeZone: "UTC" }).format(new Date(`${iso}T00:00:00Z`));
}

/** @param {string} iso */
function instant(iso) {
  const format = { dateStyle: "long", timeStyle: "medium", timeZone: TIME_ZONE };
  return new Intl.DateTimeFormat(DATES, /** @type {Intl.DateTimeFormatOptions} */ (format)).format(new Date(iso));
}

/** @param {string} tag @param {string} className @param {string} [text] */
function make(tag, className, text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}
