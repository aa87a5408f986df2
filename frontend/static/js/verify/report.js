// What a verification says: each check by name, what could not be checked, and a verdict, as the command line says it.
import { Refusal } from "./bytes.js";

/**
 * `open`: the check was not possible here. `code` says why a check failed or is open; `facts` fill its sentence.
 * @typedef {Record<string, string | number>} Facts
 * @typedef {{ key: string, facts: Facts }} Remark
 * @typedef {{ name: string, state: "passed" | "failed" | "open", facts: Facts, code?: string }} Check
 * @typedef {"verified" | "forged" | "incomplete"} Verdict
 */

/** A check failed, and what follows would rest on it. */
class Stop extends Error {}

/** The account of one verification. */
export class Report {
  /** @type {Check[]} */ checks = [];
  /** What had to be checked and could not be: the verdict is then at best incomplete. @type {Remark[]} */ missing = [];
  /** What no such verification checks. @type {Remark[]} */ notChecked = [];

  /** Forged when a check failed; incomplete when one that is required was not possible. @returns {Verdict} */
  get verdict() {
    if (this.checks.some((check) => check.state === "failed")) return "forged";
    return this.missing.length ? "incomplete" : "verified";
  }

  /** Run a verification to its end, or to the first check that fails. @param {() => Promise<void>} verification */
  async run(verification) {
    try {
      await verification();
    } catch (error) {
      if (!(error instanceof Stop)) throw error;
      this.notChecked.push({ key: "rest", facts: {} });
    }
    return this;
  }

  /**
   * Run one check; `tell` gives the facts of its sentence. A `Refusal` inside fails it and ends the verification.
   * @template T
   * @param {string} name
   * @param {() => T | Promise<T>} check
   * @param {(result: T) => Facts} [tell]
   * @returns {Promise<T>}
   */
  async check(name, check, tell = () => ({})) {
    let result;
    try {
      result = await check();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.checks.push({ name, state: "failed", facts: error.facts, code: error.code });
      throw new Stop();
    }
    this.checks.push({ name, state: "passed", facts: tell(result) });
    return result;
  }

  /** Say of a check that was made that it settles less than it has to. */
  leaveOpen(/** @type {string} */ name, /** @type {string} */ key, /** @type {Facts} */ facts = {}) {
    const made = this.checks.filter((check) => check.name === name);
    for (const check of made) Object.assign(check, { state: "open", code: key, facts });
    this.missing.push({ key, facts });
  }
}
