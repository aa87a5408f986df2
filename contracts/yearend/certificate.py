"""A lender's certificate for the tax credit: her loans of the tax period, their bases, and what they bring.

A base is what was lent less what was effectively repaid, so principal that is written off stays in it, and a due that
its borrower paid and no lender has yet does not lower it; what plans change of it is in `contracts.yearend.base`. The
books hold no date on which a loan was called; a bankruptcy makes all that a bankrupt owes due (Code of economic law,
book XX), so its day counts as that of the call: the yearly credit stops with that tax period, and lost principal may
bring the one-off credit. Where the books do not say that the borrower is exemplary, the ordinary rate of the one-off
credit is stated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from contracts.documents.model import ChangedClaim
from contracts.documents.yearly import CertificateData, CertifiedBox, CertifiedLoan
from contracts.loans.books import LoanBook
from contracts.loans.lifecycle import ACCELERATED, BANKRUPTCY, WRITTEN_OFF
from contracts.parties.estates import died_on
from contracts.parties.model import Attribute, Party
from contracts.registration.queries import deregistered_on
from contracts.schemes.credit import CreditLoan, TaxCredit, ZeroGround, tax_credit
from contracts.schemes.form_codes import FormCode, Stated, form_code
from contracts.schemes.loss import LossCredit, LossEvent, LostLoan, established_in, loss_credit
from contracts.schemes.rules import Rule, find_rule, rule
from contracts.yearend import base
from contracts.yearend.movements import WRITTEN_OFF as WRITTEN_OFF_ACCOUNT
from contracts.yearend.movements import LoanYear, tie
from contracts.yearend.passed import came_on, is_of_another, lent_and_repaid, lost_without_credit
from contracts.yearend.proof import happened_by
from contracts.yearend.stand import Stand
from ledger.accounts import AccountRef

RESIDENCE = "BE-BRU"
"""The tax residence that the proxi loan's credits ask for, tested in each tax period."""


def certificate_data(stand: Stand, lender: Party, loans: Sequence[LoanYear]) -> CertificateData:
    """What the certificate over a lender's loans says; refuses `no-rule-for-date` and `year-end-does-not-tie`."""
    year, on, who = stand.period.year, stand.period.ends_on, lender.party_id
    residence = stand.attribute(who, Attribute.TAX_RESIDENCE, on)
    is_resident = residence in {None, RESIDENCE}
    # Caps add up over both regimes of the proxi loan, and their rates are equal: the newest regime's rows are applied.
    scheme = max(loan.book.loan.scheme for loan in loans)
    own = [(loan, credit_loan(stand, loan, who)) for loan in loans]
    credit = tax_credit(
        year,
        [reckoned for _, reckoned in own],
        scheme=scheme,
        brussels_resident=is_resident,
        died_on=died_on(stand.connection, stand.book_id, who),
    )
    lost_loans = [lost_loan(stand, loan, who, is_resident=is_resident) for loan in loans]
    lost = loss_credit(scheme, year, lost_loans)
    lost_cents = {each.loan_id: established_in(each, year) for each in lost_loans}
    hers_cents = {each.loan_id: 0 if each.is_given else lost_cents[each.loan_id] for each in lost_loans}
    boxes = _boxes(own, hers_cents, credit, year)
    rules = _rules(credit, lost, [box for box, _ in boxes])
    rules += [row for loan in loans for row in lost_without_credit(loan, who)[1] if row not in rules]
    return CertificateData(
        frame=stand.frame(f"credit-{who}-{year}"),
        holder=stand.addressee(lender),
        tax_residence=residence,
        loans=tuple(
            _certified(stand, *each, credit, lost, lender=who, lost_cents=lost_cents[each[0].loan_id]) for each in own
        ),
        base_first_cents=credit.base_first_cents,
        base_later_cents=credit.base_later_cents,
        credit_cents=credit.credit_cents,
        first_rate=rule(scheme, "credit_rate_first_periods", on).decimal(),
        later_rate=rule(scheme, "credit_rate_later_periods", on).decimal(),
        base_cap_cents=rule(scheme, "credit_base_cap_cents", on).integer(),
        loss_base_cents=lost.base_cents,
        loss_credit_cents=lost.credit_cents,
        changes=tuple(
            ChangedClaim(
                on=change.on,
                loan_id=loan.loan_id,
                subject=loan.book.loan.title,
                event=change.event,
                amount_cents=change.cents,
                entry=change.entry,
            )
            for loan in loans
            for change in loan.claim_of(who).changes
        ),
        boxes=tuple(
            CertifiedBox(stated=box.stated, of_first_year=box.of_first_year, codes=box.codes, amount_cents=cents)
            for box, cents in boxes
        ),
        rules=tuple(row.id for row in rules),
        provisional=any(row.is_provisional for row in rules),
    )


def credit_loan(stand: Stand, loan: LoanYear, lender: str) -> CreditLoan:
    """A lender's loan as the credit reckons with it, held against the ledger at both ends of the year.

    Refuses `year-end-does-not-tie`.
    """
    principal, repaid = loan.principal_cents(lender), base.repaid(loan, lender)
    if loan.book.passings:
        principal, repaid = lent_and_repaid(loan, lender)
    stated = CreditLoan(
        loan_id=loan.loan_id,
        starts_on=loan.book.loan.agreed_on,
        term_ends_on=base.term_ends_on(loan),
        principal_cents=principal,
        repayments=tuple(repaid),
        accelerated_on=_called_on(loan),
        deregistered_on=deregistered_on(stand.connection, stand.book_id, loan.book, loan.period.ends_on).get(lender),
        is_of_another=is_of_another(loan.book, lender),
        forgone=tuple(base.forgone(loan, lender)),
    )
    if loan.book.passings:
        return stated
    claim, account = loan.claim_of(lender), AccountRef(WRITTEN_OFF_ACCOUNT, lender, loan.book.loan.asset.code)
    opening = claim.opening_cents + claim.written_off_opening_cents + claim.cut_opening_cents
    closing = claim.closing_cents + claim.written_off_closing_cents + claim.cut_closing_cents
    for on, booked in ((loan.period.eve_on, opening), (loan.period.ends_on, closing)):
        tie(account, stated=stated.unpaid_cents(on) + base.beside_base(loan, lender, on), booked=booked)
    return stated


def _called_on(loan: LoanYear) -> date | None:
    """The day on which everything was claimed, by notice or by the bankruptcy, whichever came first."""
    days = [happened_by(loan.book, event, loan.period.ends_on) for event in (ACCELERATED, BANKRUPTCY)]
    return min((day for day in days if day is not None), default=None)


def _balances(loan: CreditLoan, year: LoanYear) -> tuple[int, int]:
    return loan.balance_cents(year.period.eve_on), loan.balance_cents(year.period.ends_on)


def lost_loan(stand: Stand, loan: LoanYear, lender: str, *, is_resident: bool) -> LostLoan:
    """A lender's loan as the one-off credit reckons with it."""
    on, scheme = loan.period.ends_on, loan.book.loan.scheme
    bankrupt_on = happened_by(loan.book, BANKRUPTCY, on)
    losses = base.losses(loan, lender, happened_by(loan.book, WRITTEN_OFF, on))
    without_cents, _ = lost_without_credit(loan, lender)
    is_given = 0 < loan.claim_of(lender).lost_cents <= without_cents
    if not is_given:
        losses = tuple(replace(each, cents=each.cents - without_cents) for each in losses)
    has_rate = find_rule(scheme, "loss_credit_rate_exemplary", on) is not None
    return LostLoan(
        loan_id=loan.loan_id,
        term_ends_on=base.term_ends_on(loan),
        concluded_on=loan.book.loan.agreed_on,
        event=LossEvent.BANKRUPTCY if bankrupt_on else None,
        event_on=bankrupt_on,
        called_on=_called_on(loan),
        is_resident=is_resident,
        is_given=is_given,
        is_exemplary=has_rate and bool(is_exemplary(stand, loan)),
        losses=losses,
        haircuts=base.haircuts(loan, lender),
    )


def is_exemplary(stand: Stand, loan: LoanYear) -> bool | None:
    """Whether the borrower was exemplary at the loan's conclusion; None where the books hold nothing of it."""
    found = stand.attribute(loan.book.loan.borrower, Attribute.EXEMPLARY, loan.book.loan.agreed_on)
    return None if found is None else found == "yes"


def _certified(
    stand: Stand, loan: LoanYear, reckoned: CreditLoan, credit: TaxCredit, lost: LossCredit, *, lender: str,
    lost_cents: int,
) -> CertifiedLoan:  # fmt: skip
    terms = loan.book.loan
    opening, closing = _balances(reckoned, loan)
    if reckoned.is_of_another:
        claim = loan.claim_of(lender)
        opening = claim.opening_cents + claim.written_off_opening_cents
        closing = claim.closing_cents + claim.written_off_closing_cents
    ground = credit.grounds.get(loan.loan_id)
    return CertifiedLoan(
        loan_id=loan.loan_id,
        title=terms.title,
        scheme=terms.scheme,
        borrower=stand.enterprise(terms.borrower),
        started_on=terms.agreed_on,
        ends_on=reckoned.term_ends_on,
        principal_cents=reckoned.principal_cents or loan.principal_cents(lender),
        opening_cents=opening,
        closing_cents=closing,
        at_first_rate=credit.tax_period - terms.agreed_on.year < _first_periods(credit.rules),
        ground=ground,
        ground_on=_ground_on(stand, ground, reckoned, loan.book, lender),
        credit_cents=credit.by_loan[loan.loan_id],
        lost_cents=lost_cents,
        cut_cents=base.open_cuts(loan, lender, loan.period.ends_on),
        exemplary=is_exemplary(stand, loan),
        loss_ground=lost.grounds.get(loan.loan_id),
        loss_credit_cents=lost.by_loan[loan.loan_id],
    )


def _first_periods(rules: Sequence[Rule]) -> int:
    return next(row.integer() for row in rules if row.param == "credit_first_periods")


def _ground_on(stand: Stand, ground: ZeroGround | None, loan: CreditLoan, book: LoanBook, lender: str) -> date | None:
    """The day of what stopped the credit, where a day did."""
    if ground is ZeroGround.DIED:
        return died_on(stand.connection, stand.book_id, lender)
    if ground is ZeroGround.NOT_LENDER:
        return came_on(book, lender)
    if ground is ZeroGround.ACCELERATED:
        return loan.accelerated_on
    if ground is ZeroGround.DEREGISTERED:
        return loan.deregistered_on
    return loan.term_ends_on if ground is ZeroGround.NOT_RUNNING else None


def _boxes(
    own: Sequence[tuple[LoanYear, CreditLoan]], lost_cents: Mapping[str, int], credit: TaxCredit, year: int
) -> list[tuple[FormCode, int]]:
    """What goes into which box of the return: balances of the loans that bring a credit, and lost principal."""
    sums: dict[FormCode, int] = {}
    for loan, reckoned in own:
        terms, lost = loan.book.loan, lost_cents[loan.loan_id]
        stated = []
        if loan.loan_id not in credit.grounds:
            opening, closing = _balances(reckoned, loan)
            stated += [(Stated.OPENING, opening), (Stated.CLOSING, closing)]
        if lost:
            stated.append((Stated.LOSS, lost))
        for what, cents in stated:
            box = form_code(terms.scheme, what, year, started_on=terms.agreed_on)
            sums[box] = sums.get(box, 0) + cents
    order = list(Stated)
    return sorted(sums.items(), key=lambda pair: (order.index(pair[0].stated), pair[0].of_first_year))


def _rules(credit: TaxCredit, lost: LossCredit, boxes: Sequence[FormCode]) -> list[Rule]:
    """The rows that the certificate's figures follow from, once each."""
    losses = lost.rules if lost.base_cents else ()
    found = [*credit.rules, *losses, *(box.rule for box in boxes if box.rule)]
    return list({row.id: row for row in found}.values())
