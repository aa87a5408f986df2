// The page /verify: takes files that never leave the browser, checks them, and says what came of it.
import { hex, sha256 } from "./bytes.js";
import { verifyReceipt } from "./receipt.js";
import { show, showNotice } from "./show.js";

/** @typedef {import("./receipt.js").Trust} Trust */

const form = element("verify-form", HTMLFormElement);
const result = element("verify-result", HTMLElement);
const receipt = element("receipt-files", HTMLInputElement);
const policy = element("policy-file", HTMLInputElement);
const pin = element("policy-hash", HTMLInputElement);
const LARGEST = 2 ** 24; // bytes; a receipt has a hundredth of it
let runs = 0;

element("verify-no-script", HTMLElement).hidden = true;
form.hidden = false;
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("change", () => void run());
for (const kind of ["dragenter", "dragover"]) form.addEventListener(kind, (event) => mark(event, true));
for (const kind of ["dragleave", "drop"]) form.addEventListener(kind, (event) => mark(event, false));
form.addEventListener("drop", (event) => {
  const dropped = event instanceof DragEvent ? event.dataTransfer?.files : null;
  if (!dropped?.length) return;
  receipt.files = dropped;
  void run();
});
if (receipt.files?.length) void run(); // the browser kept the choice while the page was loaded again

/** Check what is chosen now; a run that was overtaken by another choice says nothing. */
async function run() {
  runs += 1;
  const mine = runs;
  const chosen = Array.from(receipt.files ?? []);
  if (!chosen.length) return;
  showNotice(result, "checking");
  const tell = await judge(chosen).catch((error) => {
    reportError(error);
    return () => showNotice(result, "defect");
  });
  if (mine === runs) tell();
}

/** How to show the outcome. @param {File[]} chosen @returns {Promise<() => void>} */
async function judge(chosen) {
  if (!globalThis.crypto?.subtle) return () => showNotice(result, "no-crypto");
  const pinned = pin.value.replace(/[\s:]/g, "").toLowerCase();
  if (pinned && !/^[0-9a-f]{64}$/.test(pinned)) return () => showNotice(result, "pin-malformed");
  const files = await sorted(chosen);
  if (!files) return () => showNotice(result, "files-missing");
  const outcome = await verifyReceipt(files, await trusted(pinned));
  return () => show(result, outcome);
}

/**
 * A PDF, or a proof and an opening, whatever their names; null for anything else.
 * @param {File[]} chosen
 */
async function sorted(chosen) {
  if (chosen.some((file) => file.size > LARGEST)) return null;
  const contents = await Promise.all(chosen.map(bytesOf));
  const [first, second] = contents;
  if (contents.length === 1 && startsWith(first, "%PDF-")) return { pdf: first };
  if (contents.length !== 2) return null;
  const isFirstProof = /\.tlog-proof$/i.test(chosen[0].name) || startsWith(first, "c2sp.org/tlog-proof");
  return isFirstProof ? { proof: first, opening: second } : { proof: second, opening: first };
}

/**
 * The policy that was chosen; else those that this site publishes, the newest first, since older receipts were signed
 * under older ones. Where a hash is pinned, the policy that has it comes first.
 * @param {string} pinned
 * @returns {Promise<Trust | null>}
 */
async function trusted(pinned) {
  const own = policy.files?.[0];
  if (own) return { bytes: await bytesOf(own), others: [], isOfSite: false, pin: pinned };
  const names = (form.dataset.policies ?? "").split(" ").filter(Boolean);
  const published = await Promise.all(["policy", ...names.map((name) => `policies/${name}`)].map(fetched));
  const found = published.filter((bytes) => bytes !== null);
  if (!found.length) return null;
  const hashes = await Promise.all(found.map(async (bytes) => hex(await sha256(bytes))));
  const first = Math.max(hashes.indexOf(pinned), 0);
  const others = found.filter((_, i) => i !== first && hashes.indexOf(hashes[i]) === i && hashes[i] !== hashes[first]);
  return { bytes: found[first], others, isOfSite: true, pin: pinned };
}

/** A file of the public log, or null where there is none. @param {string} name */
async function fetched(name) {
  const answer = await fetch(`/log/${name}`, { credentials: "omit" });
  return answer.ok ? new Uint8Array(await answer.arrayBuffer()) : null;
}

/** @param {File} file */
async function bytesOf(file) {
  return new Uint8Array(await file.arrayBuffer());
}

/** @param {Uint8Array} bytes @param {string} start */
function startsWith(bytes, start) {
  return new TextDecoder("latin1").decode(bytes.subarray(0, start.length)) === start;
}

/** @param {Event} event @param {boolean} over */
function mark(event, over) {
  event.preventDefault();
  form.classList.toggle("is-over", over);
}

/** @template {HTMLElement} T @param {string} id @param {new () => T} kind @returns {T} */
function element(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new TypeError(`the page lacks ${id}`);
  return found;
}
