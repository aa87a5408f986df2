// The loss that a lender can bear, computed here and nowhere else: nothing of what is typed leaves the browser.
// Delegated Regulation (EU) 2022/2114: net worth is net yearly income and liquid assets less yearly commitments.

/**
 * An amount in euro, written the Belgian way, as whole cents; null where it can't be read. An empty field is zero.
 * @param {string} typed
 * @returns {number | null}
 */
export function centsOf(typed) {
  const text = typed.replace(/[\s'’€\u00a0\u202f]/g, "");
  if (text === "") return 0;
  const found = /^(\d{1,3}(?:\.\d{3})+|\d{1,10})(?:,(\d{1,2}))?$/.exec(text);
  if (!found) return null;
  return Number(found[1].replaceAll(".", "")) * 100 + Number((found[2] ?? "").padEnd(2, "0"));
}

/**
 * A tenth of the net worth, half a cent rounded up, and never below zero.
 * @param {number} income @param {number} assets @param {number} commitments
 */
export function bearableLoss(income, assets, commitments) {
  return Math.max(0, Math.floor((income + assets - commitments + 5) / 10));
}
