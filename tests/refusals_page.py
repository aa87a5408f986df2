"""Write `docs/refusals.md`, every refusal of the record over HTTP; run as `python -m tests.refusals_page`.

The facts are those that `api/v1/refusals.json` documents; a test provokes each one and compares.
"""

import json
from pathlib import Path

from api.refusals import LOCALES, sentence, status
from api.v1 import examples
from ledger.errors import Refusal

PAGE = Path(__file__).parents[1] / "docs" / "refusals.md"
_OWN = " · the entry's own"
_HEAD = """# Refusals of the record

Every no that the resources under `/v1/books/{book}` can give, with its code, its HTTP status, its words in three
languages and the facts of an example. Where the answer is *the entry's own*, the request is answered with 200 and the
refusal is the result of that entry alone; everywhere else it is the whole answer, a problem document (RFC 9457), and
nothing was posted. Written by `make docs`; a test sends a request for each one.
"""


def page() -> str:
    """The page as it follows from the catalogue and the documented examples."""
    return "\n".join([_HEAD, *(_part(code) for code in sorted(examples.documented()))])


def _part(code: str) -> str:
    place = examples.place_of(code)
    assert place is not None
    operation, is_own = place
    refusal = Refusal(code, **examples.refusals(operation)[code])
    method = "GET" if operation.startswith("get") else "POST"
    path = dict(examples.all_runs())[operation]["path"]
    return "\n".join(
        [
            f"## {code}",
            "",
            f"{status(refusal)} · `{method} {path}`{_OWN if is_own else ''}",
            "",
            *(f"- {language}: {sentence(refusal, language)}" for language in LOCALES),
            f"- facts: `{json.dumps(dict(refusal.facts), ensure_ascii=False)}`",
            "",
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
