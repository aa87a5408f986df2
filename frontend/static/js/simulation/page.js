// The form of the loss simulation: its fields have no names, so that no way of sending the form sends them.
import { bearableLoss, centsOf } from "./loss.js";

const fields = ["income", "assets", "commitments"].map(
  (id) => /** @type {HTMLInputElement} */ (document.getElementById(`simulation-${id}`)),
);
const shown = /** @type {HTMLOutputElement} */ (document.getElementById("simulation-result"));
const result = /** @type {HTMLInputElement} */ (document.getElementById("simulation-bearable"));
const keeps = /** @type {HTMLInputElement} */ (document.getElementById("simulation-keep"));
const euro = new Intl.NumberFormat(`${document.documentElement.lang}-BE`, { style: "currency", currency: "EUR" });

function compute() {
  const cents = fields.map((field) => centsOf(field.value));
  const isReadable = cents.every((each) => each !== null) && fields.some((field) => field.value.trim() !== "");
  const loss = isReadable ? bearableLoss(cents[0] ?? 0, cents[1] ?? 0, cents[2] ?? 0) : null;
  shown.value = loss === null ? "–" : euro.format(loss / 100);
  result.value = loss === null || !keeps.checked ? "" : `${Math.floor(loss / 100)},${String(loss % 100).padStart(2, "0")}`;
}

for (const field of [...fields, keeps]) field.addEventListener("input", compute);
document.getElementById("simulation-fields")?.removeAttribute("hidden");
compute();
