"""What the script of the page `/verify` is given: all its words, so that it holds none of its own, and policies."""

import re
from collections.abc import Mapping
from pathlib import Path

from api.receipts import purpose_words, purposes
from api.refusals import catalogue as refusals
from frontend.i18n import catalogue
from ledger.accounts import chart

REFUSED = (
    "checkpoint-malformed",
    "checkpoint-origin-differs",
    "entry-malformed",
    "entry-minute-differs",
    "entry-not-in-log",
    "entry-number-differs",
    "entry-type-misplaced",
    "entry-type-unknown",
    "line-malformed",
    "note-malformed",
    "opening-does-not-fit",
    "opening-malformed",
    "opening-of-another-entry",
    "policy-malformed",
    "proof-malformed",
    "receipt-attachments-missing",
    "receipt-certificate-unknown",
    "receipt-seal-missing",
    "signature-invalid",
    "signature-missing",
    "signature-repeated",
    "signatures-out-of-order",
    "verifier-key-malformed",
)
"""What a check can fail with; two more have words in `verifier.toml`, since the script knows fewer facts of them."""
_AREA = "verifier."
_SHA256 = re.compile(r"[0-9a-f]{64}")


def published_policies(log_folder: Path) -> list[str]:
    """The hashes under which the log publishes its policies, for receipts that were signed under an older one."""
    return sorted(path.name for path in (log_folder / "policies").glob("*") if _SHA256.fullmatch(path.name))


def script_words(language: str) -> Mapping[str, str]:
    """Sentences by name, with `{places}` for facts: the script's own, refusals, business events, and accounts."""
    own = {key.removeprefix(_AREA): text for key, text in catalogue(language).items() if key.startswith(_AREA)}
    refused = {f"refusal-{code}": refusals()[code].sentences[language] for code in REFUSED}
    events = {f"purpose-{purpose}": purpose_words(purpose, language) for purpose in purposes()}
    accounts = {f"account-{prefix}": row.names[language] for prefix, row in chart().items()}
    return own | refused | events | accounts
