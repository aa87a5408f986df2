"""What the tests of the page /verify share: receipts as the browser is given them, and what each verifier says of them.

The page's module is called as the page calls it, inside the page; `judged_here` asks `ledger.verify` the same.
"""

import base64
import json
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from playwright.sync_api import Page

from ledger.errors import Refusal
from ledger.log.checkpoint import SigningKey, parse_checkpoint, sign_checkpoint
from ledger.log.encoding import b64
from ledger.log.note import COSIGNATURE, Signature, VerifierKey, parse_note
from ledger.log.policies import trust
from ledger.log.policy import parse_policy, policy_text
from ledger.log.receipt import parse_proof
from ledger.verify.receipt import verify_receipt

VECTORS = Path(__file__).parents[1] / "vectors" / "log"
SAMPLE = VECTORS / "sample"
NAMES = {
    "form of the proof": "proof",
    "form of the opening": "opening-form",
    "checkpoint": "checkpoint",
    "checkpoint signatures": "signatures",
    "witnesses": "witnesses",
    "public entry": "entry",
    "entry number": "number",
    "inclusion": "inclusion",
    "opening": "opening",
    "header and line": "lines",
}
"""The checks of the report, as the page calls them. The page has one more, that of the policy."""

Judgment = tuple[str, list[list[str]]]
"""A verdict, and of each check but the policy's its name, its state, and what it failed with."""

_JUDGE = """async (receipts) => {
  const { verifyReceipt } = await import("/static/js/verify/receipt.js");
  const bytes = (spelled) => Uint8Array.from(atob(spelled), (character) => character.charCodeAt(0));
  const judged = [];
  for (const { pdf, proof, opening, policy, others, pin } of receipts) {
    const files = pdf ? { pdf: bytes(pdf) } : { proof: bytes(proof), opening: bytes(opening) };
    const trust = policy === null ? null : {
      bytes: bytes(policy), others: others.map(bytes), isOfSite: false, pin,
    };
    const { report } = await verifyReceipt(files, trust);
    const checks = report.checks.filter(({ name }) => name !== "policy" || report.checks.length === 1);
    judged.push([report.verdict, checks.map(({ name, state, code }) => [name, state, code ?? ""])]);
  }
  return judged;
}"""


@dataclass(frozen=True)
class Receipt:
    """A receipt's files with the policy to hold it against, and other policies of the same log."""

    proof: bytes = b""
    opening: bytes = b""
    policy: bytes | None = None
    pdf: bytes = b""
    pin: str = ""
    others: tuple[bytes, ...] = ()

    def spelled(self) -> dict[str, object]:
        """As it is handed to the page."""
        files = {"pdf": self.pdf, "proof": self.proof, "opening": self.opening}
        policy = None if self.policy is None else base64.b64encode(self.policy).decode()
        return {name: base64.b64encode(each).decode() for name, each in files.items()} | {
            "policy": policy,
            "pin": self.pin,
            "others": [base64.b64encode(each).decode() for each in self.others],
        }


def sample() -> Receipt:
    """The receipt of the format page."""
    files = (SAMPLE / name for name in ("receipt.tlog-proof", "opening.json", "log/policy"))
    return Receipt(*(file.read_bytes() for file in files))


def vectors() -> dict[str, tuple[Receipt, str]]:
    """Every published vector of a receipt by its name, with the verdict that is expected."""
    rows = json.loads((VECTORS / "index.json").read_text("utf-8"))
    read = {
        row["name"]: {name: (VECTORS / path).read_bytes() for name, path in row["files"].items()}
        for row in rows
        if row["kind"] == "receipt"
    }
    return {row["name"]: (Receipt(**read[row["name"]]), row["expected"]) for row in rows if row["name"] in read}


def judged_in_page(page: Page, receipts: list[Receipt]) -> list[Judgment]:
    """What the page's module says of each."""
    return [(verdict, checks) for verdict, checks in page.evaluate(_JUDGE, [each.spelled() for each in receipts])]


def judged_here(receipt: Receipt) -> Judgment:
    """What `ledger.verify` says of it, in the names of the page."""
    try:
        given = [] if receipt.policy is None else [parse_policy(each) for each in (receipt.policy, *receipt.others)]
    except Refusal as refusal:
        return "forged", [["policy", "failed", refusal.code]]
    report = verify_receipt(receipt.proof, receipt.opening, trust(given) if given else None)
    checks = [[NAMES[c.name], "passed" if c.passed else "failed", c.code or ""] for c in report.checks]
    return report.verdict.value, checks


@dataclass(frozen=True)
class Cosigned:
    """The sample's receipt under a log's keys and witnesses of our own, whose secrets we have."""

    keys: tuple[SigningKey, ...]
    witnesses: tuple[Ed25519PrivateKey, ...]

    def policy(self, *lines: str) -> bytes:
        """A policy that names w0, w1 and w2, with these lines for groups and quorum."""
        start = policy_text([key.verifier() for key in self.keys], receipt_certificate_sha256=None)
        named = [f"witness w{i} {self._key(i).vkey()} https://w{i}.example/" for i in range(len(self.witnesses))]
        return start.replace(b"quorum none\n", "".join(f"{line}\n" for line in [*named, *lines]).encode())

    def receipt(self, policy: bytes, *cosigners: int, flip: bool = False) -> Receipt:
        """The receipt with the cosignatures of these witnesses, in this order; `flip` spoils the last."""
        original = sample()
        proof = parse_proof(original.proof)
        checkpoint = parse_checkpoint(parse_note(proof.checkpoint).text)
        note = sign_checkpoint(checkpoint, self.keys, posix_time=1_772_450_000)
        lines = [self._cosignature(i, checkpoint.text()) for i in cosigners]
        if flip:
            lines[-1] = replace(lines[-1], signature=lines[-1].signature[:-1] + bytes([lines[-1].signature[-1] ^ 1]))
        signed = note + "".join(line.line() for line in lines).encode()
        return Receipt(replace(proof, checkpoint=signed).encode(), original.opening, policy)

    def _key(self, i: int) -> VerifierKey:
        return VerifierKey(f"w{i}.example/w", COSIGNATURE, self.witnesses[i].public_key().public_bytes_raw())

    def _cosignature(self, i: int, text: str) -> Signature:
        time = 1_772_450_001 + i
        signature = self.witnesses[i].sign(f"cosignature/v1\ntime {time}\n{text}".encode())
        return Signature(self._key(i).name, self._key(i).key_id, time.to_bytes(8, "big") + signature)


def cosigned() -> Cosigned:
    """A log and three witnesses, with new keys."""
    origin = parse_policy(sample().policy or b"").origin
    keys = (SigningKey(origin, Ed25519PrivateKey.generate()), SigningKey(origin, MLDSA44PrivateKey.generate()))
    return Cosigned(keys, tuple(Ed25519PrivateKey.generate() for _ in range(3)))


def post_quantum_signatures(count: int) -> list[dict[str, str]]:
    """Messages of growing length, each with a public key and a signature by an independent implementation."""
    made = []
    for i in range(count):
        key, message = MLDSA44PrivateKey.generate(), bytes(range(i)) * i
        made.append((key.public_key().public_bytes_raw(), message, key.sign(message)))
    return [{"key": b64(k), "message": b64(m), "signature": b64(s)} for k, m, s in made]
