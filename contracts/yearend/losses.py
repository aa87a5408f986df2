"""The certificate of a definitive loss: for each lender of a lost loan, by tax period, derived from the ledger.

    loss proven ──the year ends──> certificates made ──their hash is the evidence──> the loan's file: loss certified

Certificates of a period are among the papers of its year, byte for byte the same.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import date
from functools import partial
from pathlib import Path

from contracts.documents.folder import write_folder
from contracts.documents.loss_certificate import render_loss_certificate
from contracts.documents.yearly import EstablishedLoss, LossCertificateData
from contracts.loans.books import loan_books
from contracts.loans.lifecycle import WRITTEN_OFF
from contracts.loans.model import DocumentDesk
from contracts.parties.model import Attribute, Party
from contracts.schemes.loss import LostLoan, established_in, loss_credit, loss_rate
from contracts.secondchance import service as chances
from contracts.secondchance.changes import judicial_plans
from contracts.secondchance.model import State
from contracts.yearend import base
from contracts.yearend.certificate import RESIDENCE, is_exemplary, lost_loan
from contracts.yearend.movements import LoanYear, Period, loan_year
from contracts.yearend.paper import YearPaper
from contracts.yearend.stand import Stand, language_of, stand_on
from ledger.book import Book
from ledger.errors import Refusal
from ledger.storage.base import JSON


def loss_papers(stand: Stand, lender: Party, loans: Sequence[LoanYear]) -> Iterator[YearPaper]:
    """A certificate for each of the lender's loans of which something was lost in the year.

    Refuses `loss-exceeds-outstanding` and `no-rule-for-date`.
    """
    residence = stand.attribute(lender.party_id, Attribute.TAX_RESIDENCE, stand.period.ends_on)
    language = language_of(lender)
    for loan in loans:
        lost = lost_loan(stand, loan, lender.party_id, is_resident=residence in {None, RESIDENCE})
        if not established_in(lost, stand.period.year):
            continue
        data = _data(stand, lender, loan, lost, residence)
        path = f"lenders/{lender.party_id}/loss-{loan.loan_id}"
        yield YearPaper(path, language, data, partial(render_loss_certificate, data, language))


def certify_loss(book: Book, loan_id: str, year: int, desk: DocumentDesk, folder: Path, *, actor: str) -> State:
    """Write the certificates of what was lost of a loan in a year, and let its file say so; gives the file's state.

    A loan that was certified before has its papers written again, and its file stays. Refuses `loan-not-known`,
    `year-not-ended`, `file-not-open`, `loss-not-certifiable` where nothing was lost in the year or no lender's loss is
    one by the ordinance, and what `write_folder` refuses.
    """
    period = Period(year)
    with book.unit_of_work(actor=actor) as uow:
        if uow.today() <= period.ends_on:
            raise Refusal("year-not-ended", year=str(year), today_on=uow.today().isoformat())
        found = loan_books(uow.connection, uow.book_id, [loan_id])
        if loan_id not in found:
            raise Refusal("loan-not-known", loan_id=loan_id[:40])
        stand = stand_on(uow.connection, uow, period, desk)
        judicial = judicial_plans(uow.connection, uow.book_id, list(found.values()))
        numbers = judicial.get(loan_id, frozenset())
        loan = loan_year(uow.connection, uow.book_id, found[loan_id], period, numbers)
        papers = [] if loan is None else _papers(stand, loan)
        grounds = {paper.data.ground for paper in papers if isinstance(paper.data, LossCertificateData)}
        if None not in grounds:
            ground = min((each.value for each in grounds if each is not None), default="nothing-lost")
            raise Refusal("loss-not-certifiable", loan_id=loan_id, year=str(year), ground=ground)
        state = chances.certify_loss(uow, loan_id, on=uow.today(), evidence=papers_sha256(papers))
    write_folder(folder, _files(papers), lambda listed: _index(stand, loan_id, listed))
    return state


def papers_sha256(papers: Sequence[YearPaper]) -> str:
    """One SHA-256 over the JSON of all the papers, in order of their paths."""
    digest = hashlib.sha256()
    for paper in sorted(papers, key=lambda each: each.path):
        digest.update(hashlib.sha256(paper.json()).digest())
    return digest.hexdigest()


def _papers(stand: Stand, loan: LoanYear) -> list[YearPaper]:
    lenders = [stand.person(lender) for lender in loan.book.lenders]
    return [paper for lender in lenders if lender is not None for paper in loss_papers(stand, lender, [loan])]


def _files(papers: Sequence[YearPaper]) -> Iterator[tuple[str, bytes]]:
    for paper in sorted(papers, key=lambda each: each.path):
        yield f"{paper.path}.json", paper.json()
        yield f"{paper.path}.pdf", paper.draw()


def _index(stand: Stand, loan_id: str, listed: list[JSON]) -> dict[str, JSON]:
    return {
        "book": stand.book_id,
        "loan_id": loan_id,
        "year": stand.period.year,
        "made_on": stand.made_on.isoformat(),
        "known_at_entry": stand.known_at_entry,
        "files": listed,
    }


def _data(stand: Stand, lender: Party, loan: LoanYear, lost: LostLoan, residence: str | None) -> LossCertificateData:
    terms, year, who, on = loan.book.loan, stand.period.year, lender.party_id, stand.period.ends_on
    credit = loss_credit(terms.scheme, year, [lost])
    rate = loss_rate(terms.scheme, year, lost)
    rules = list({row.id: row for row in (*credit.rules, rate)}.values())
    proof = next((move.evidence for move in loan.book.events(WRITTEN_OFF)), None)
    return LossCertificateData(
        frame=stand.frame(f"loss-{loan.loan_id}-{who}-{year}"),
        holder=stand.addressee(lender),
        tax_residence=residence,
        loan_id=loan.loan_id,
        title=terms.title,
        scheme=terms.scheme,
        borrower=stand.enterprise(terms.borrower),
        concluded_on=terms.agreed_on,
        term_ends_on=lost.term_ends_on,
        lent_cents=loan.principal_cents(who),
        repaid_cents=sum(s.principal_cents for s in loan.shares if s.lender == who and s.on <= on),
        unpaid_cents=base.unpaid(loan, who, on),
        insolvent_on=lost.event_on,
        called_on=lost.called_on,
        losses=_established(lost, proof),
        recovered_cents=sum(cents for owner, day, cents in loan.recoveries if owner == who and day <= on),
        base_cents=established_in(lost, year),
        rate=rate.decimal(),
        exemplary=is_exemplary(stand, loan),
        credit_cents=credit.credit_cents,
        ground=credit.grounds.get(loan.loan_id),
        rules=tuple(row.id for row in rules),
        provisional=any(row.is_provisional for row in rules),
    )


def _established(lost: LostLoan, proof: str | None) -> tuple[EstablishedLoss, ...]:
    cuts = [(cut.on, True, cut.cents, cut.final_on, None) for cut in lost.haircuts]
    proven: list[tuple[date, bool, int, date | None, str | None]] = [
        (loss.on, False, loss.cents, loss.on, proof) for loss in lost.losses
    ]
    return tuple(
        EstablishedLoss(on=on, is_cut=is_cut, amount_cents=cents, final_on=final_on, evidence=evidence)
        for on, is_cut, cents, final_on, evidence in sorted([*cuts, *proven], key=lambda row: row[:2])
    )
