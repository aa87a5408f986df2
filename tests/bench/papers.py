"""A loan agreement drawn, and signed for both parties with timestamps of an authority that is asked over HTTP.

The paper is that of one lender: tagged, its terms attached, its fonts and colour profile embedded. Signed, it carries
two PAdES signatures of level B-T; the authority is OpenSSL behind a server on this machine, and its answers are checked
before they are put in. One process, one core; figures are medians.
"""

import io
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pikepdf

from api.timestamps import TimestampAuthority, read_certificates
from contracts.documents.agreement import SIGNATURE_FIELDS, render_agreement
from contracts.documents.authority import party_identity
from contracts.documents.signature import DocumentSigner, sign_pdf
from ledger.clock import SystemClock
from tests import papers
from tests.bench.databases import Databases
from tests.bench.scale import Scale
from tests.bench.sections import Findings, Section
from tests.timestamp_authority import make_authority, serving

LEAST_PAGES = 4


def run(databases: Databases, scale: Scale, findings: Findings) -> None:
    """Draw, sign, sign with timestamps."""
    findings.table("what", "median, ms")
    drawn = render_agreement(papers.agreement(), "fr")
    with pikepdf.open(io.BytesIO(drawn)) as pdf:
        pages = len(pdf.pages)
    if pages < LEAST_PAGES:
        raise AssertionError(f"the agreement that is measured has {LEAST_PAGES} pages at least, not {pages}")
    signers = _signers(databases.folder / "papers")
    authority = make_authority(databases.folder / "papers-authority")
    with serving(lambda query: (200, authority.reply(query))) as url:
        stamps = TimestampAuthority(url, read_certificates(authority.root))
        works: dict[str, tuple[str, Callable[[], bytes]]] = {
            "papers.drawn": (f"agreement of {pages} pages", lambda: render_agreement(papers.agreement(), "fr")),
            "papers.signed": ("signed for both", lambda: sign_pdf(drawn, signers=signers)),
            "papers.stamped": (
                "drawn, and signed for both with timestamps",
                lambda: sign_pdf(
                    render_agreement(papers.agreement(), "fr"), signers=signers, ask_timestamp=stamps.answer
                ),
            ),
        }
        for name, (what, work) in works.items():
            findings.measured[name] = _median_ms(work, scale.samples)
            findings.row(what, f"{findings.measured[name]:.1f}")
    findings.row("bytes", f"{len(drawn):,}")


def _signers(keys: Path) -> list[DocumentSigner]:
    parties, now = (papers.BORROWER.party, papers.LENDER.party), SystemClock().now()
    return [
        DocumentSigner(field=field, identity=party_identity(keys, party=party, now=now), reason="measurement")
        for field, party in zip(SIGNATURE_FIELDS, parties, strict=True)
    ]


def _median_ms(work: Callable[[], bytes], times: int) -> float:
    work()  # what is loaded once in a process
    spent = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        spent.append(time.perf_counter() - started)
    return 1000 * median(spent)


SECTION = Section("Papers", 5, __doc__ or "", run)
