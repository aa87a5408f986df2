"""A plan as it is put to the lenders: before and after for each of them, in cents, in tax credit and in present value.

Amounts of the loan are split over the lenders by largest remainder, as instalments are. Present values are at one rate
a year, the loan's own effective rate unless another is given (EBA/GL/2016/07, paragraph 51). What refusal or bankruptcy
would bring is an assumption that the plan states: a share of what is owed, after some months.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from contracts.loans.passing import Cause
from contracts.loans.simulation.dues import Allocation
from contracts.loans.simulation.events import Event
from contracts.loans.simulation.replay import Replay
from contracts.loans.simulation.simulate import replayed
from contracts.schemes.credit import CreditPart, credit_of_parts
from contracts.schemes.loss import Haircut, Loss, LossEvent, LostLoan, loss_credit
from contracts.schemes.rules import Rule, find_rule, rule
from contracts.secondchance.engine import Changed, Owed, restructure, use_tools
from contracts.secondchance.guards import SUPERVISORS, check_creditor_minimum, check_plan_length
from contracts.secondchance.model import CreditorPart
from contracts.secondchance.tools import DISTRESSED, NO_CONCESSION, PROXI, Frame, Tool, Use, notes
from contracts.terms.dates import MONTHS_A_YEAR, add_months, years
from contracts.terms.discounting import worth
from contracts.terms.distribution import Claim, shares
from contracts.terms.exact import half_up
from contracts.terms.schedule import schedule
from contracts.terms.taeg import taeg_of
from ledger.errors import Refusal
from ledger.money import allocate

TAX_YEARS = 8
"""Years of a proxi loan in all for which a reorganised term brings tax credit (ordinance of 17 March 2023, art. 12)."""


@dataclass(frozen=True, slots=True)
class Lender:
    """A creditor of the loan: what she lent of it, and whether she can have a tax credit.

    `claim_cents` is what her claim is by the ledger; None: her part of what is owed by what she lent. `came_by` are the
    ways in which it came to her from who lent it: the yearly credit passes to nobody, and the one-off credit on a loss
    only in those that its scheme names.
    """

    holder: str
    lent_cents: int
    is_resident: bool = True
    claim_cents: int | None = None
    came_by: frozenset[Cause] = frozenset()


@dataclass(frozen=True, slots=True)
class Assumption:
    """What is recovered of principal and called interest if the plan is not made: a share, after so many months."""

    share: Decimal
    months: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A plan to be reckoned. `reasons` are why a creditor is paid less than the minimum.

    A loan on record is given as it stands on the frame's day (`standing`), with its principal at the end of the year
    before (`opening_cents`); else both follow from the terms and `events`.
    """

    frame: Frame
    order: Allocation
    events: tuple[Event, ...]
    uses: tuple[Use, ...]
    lenders: tuple[Lender, ...]
    refused: Assumption
    bankrupt: Assumption
    discount_rate: Decimal | None = None
    reasons: str = ""
    is_exemplary: bool = False
    standing: Replay | None = None
    opening_cents: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one lender gets in one case, in cents before tax, and what it is worth on the plan's day."""

    principal_cents: int
    interest_cents: int
    present_value_cents: int
    tax_credit_cents: int

    @property
    def cents(self) -> int:
        """All money."""
        return self.principal_cents + self.interest_cents


@dataclass(frozen=True, slots=True, kw_only=True)
class LenderCase:
    """One lender before and after; the parts of what the plan changes are hers, in cents."""

    holder: str
    claim_cents: int
    before: Outcome
    after: Outcome
    refused: Outcome
    bankrupt: Outcome
    waived_cents: int
    capitalised_cents: int
    cut_cents: int
    converted_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A plan that was checked. `loss_share` is the present value lost, as a fraction of that before."""

    draft: Draft
    changed: Changed
    lenders: tuple[LenderCase, ...]
    discount_rate: Decimal
    loss_share: Fraction
    is_concession: bool
    is_distressed: bool
    below_minimum: tuple[str, ...]
    last_due_on: date
    notes: tuple[str, ...]
    rules: tuple[Rule, ...]


def propose(draft: Draft) -> Proposal:
    """Reckon and check a plan.

    Refuses what the tools refuse, `lenders-differ-from-loan`, `claims-differ-from-debt`, `creditor-below-minimum`,
    `plan-too-long` and `no-rule-for-date`.
    """
    frame = draft.frame
    if sum(lender.lent_cents for lender in draft.lenders) != frame.terms.principal_cents:
        lent = sum(lender.lent_cents for lender in draft.lenders)
        raise Refusal("lenders-differ-from-loan", lent_cents=lent, principal_cents=frame.terms.principal_cents)
    if draft.standing is None:
        changed = restructure(frame, draft.order, draft.events, draft.uses)
    else:
        changed = use_tools(deepcopy(draft.standing), frame, draft.uses)
    stated = [lender.claim_cents for lender in draft.lenders if lender.claim_cents is not None]
    if stated and (len(stated) < len(draft.lenders) or sum(stated) != changed.before.principal_cents):
        owed = changed.before.principal_cents
        raise Refusal("claims-differ-from-debt", claims_cents=sum(stated), owed_cents=owed)
    last_due_on = max((row.due_on for row in changed.after.rows), default=frame.on)
    if frame.is_judicial:
        check_plan_length(last_due_on, homologated_on=frame.on)
    rate = taeg_of(schedule(frame.terms)) if draft.discount_rate is None else draft.discount_rate
    cases = _Cases(draft, changed, rate, last_due_on).all()
    parts = [CreditorPart(case.holder, case.claim_cents, _paid(case)) for case in cases]
    before, after = (sum(getattr(case, name).present_value_cents for case in cases) for name in ("before", "after"))
    loss_share = Fraction(before - after, before) if before else Fraction(0)
    tools = {use.tool for use in draft.uses}
    limit = rule(SUPERVISORS, "distressed_loss_share", frame.on)
    return Proposal(
        draft=draft,
        changed=changed,
        lenders=cases,
        discount_rate=rate,
        loss_share=loss_share,
        is_concession=bool(tools - NO_CONCESSION),
        is_distressed=bool(tools & DISTRESSED) or loss_share > Fraction(limit.decimal()),
        below_minimum=check_creditor_minimum(parts, on=frame.on, reasons=draft.reasons),
        last_due_on=last_due_on,
        notes=tuple(notes(frame, draft.uses)),
        rules=(*changed.rules, limit),
    )


def _paid(case: LenderCase) -> int:
    """What the plan pays of the claim as it was: neither what was cut or became shares, nor interest made principal."""
    return case.claim_cents - case.cut_cents - case.converted_cents


def _opening_cents(draft: Draft) -> int:
    """What was owed of principal at the end of the year before the plan's."""
    new_year, terms = date(draft.frame.on.year - 1, 12, 31), draft.frame.terms
    if draft.standing is not None or new_year < terms.starts_on:
        return draft.opening_cents
    past = [event for event in draft.events if event.on <= new_year]
    return replayed(terms, draft.order, past, new_year).principal


Flow = tuple[date, int, int]
"""A day, interest and principal in cents."""


class _Cases:
    """Every lender's case, with what is the same for all of them found once."""

    def __init__(self, draft: Draft, changed: Changed, rate: Decimal, last_due_on: date) -> None:
        self._draft, self._changed, self._rate, self._last_due_on = draft, changed, rate, last_due_on
        self._lenders = sorted(draft.lenders, key=lambda lender: lender.holder)
        self._weights = [lender.lent_cents for lender in self._lenders]
        split = self._split(changed.before.principal_cents)
        self._claims = {
            each.holder: split[each.holder] if each.claim_cents is None else each.claim_cents for each in self._lenders
        }
        self._openings = self._split(_opening_cents(draft))

    def all(self) -> tuple[LenderCase, ...]:
        """One case a lender, in order of holder."""
        changed = self._changed
        waived, cut = self._share(changed.waived_cents), self._share(changed.cut_cents)
        capitalised, converted = self._share(changed.capitalised_cents), self._share(changed.converted_cents)
        kept = {
            holder: cents + capitalised[holder] - cut[holder] - converted[holder]
            for holder, cents in self._claims.items()
        }
        before, after = _flows(changed.before, self._claims), _flows(changed.after, kept)
        owed = changed.before.principal_cents + changed.before.due_interest_cents
        refused, bankrupt = (
            self._share(half_up(owed * Fraction(assumed.share)))
            for assumed in (self._draft.refused, self._draft.bankrupt)
        )
        cases = []
        for lender in self._lenders:
            holder = lender.holder
            gone = converted[holder] if self._keeps_base else cut[holder] + converted[holder]
            cases.append(
                LenderCase(
                    holder=holder,
                    claim_cents=self._claims[holder],
                    before=self._planned(lender, before[holder], gone=0, cut=0),
                    after=self._planned(lender, after[holder], gone=gone, cut=cut[holder]),
                    refused=self._assumed(lender, self._draft.refused, refused[holder], is_lost=False),
                    bankrupt=self._assumed(lender, self._draft.bankrupt, bankrupt[holder], is_lost=True),
                    waived_cents=waived[holder],
                    capitalised_cents=capitalised[holder],
                    cut_cents=cut[holder],
                    converted_cents=converted[holder],
                )
            )
        return tuple(cases)

    @property
    def _keeps_base(self) -> bool:
        """Whether what is cut stays in the base of the credit until it is final (ordinance, art. 12 and 13)."""
        return self._draft.frame.is_judicial and self._draft.frame.scheme in PROXI

    def _split(self, cents: int) -> dict[str, int]:
        parts = allocate(cents, self._weights)
        return {lender.holder: part for lender, part in zip(self._lenders, parts, strict=True)}

    def _share(self, cents: int) -> dict[str, int]:
        """A part of the debt in proportion to the claims as they are."""
        parts = allocate(cents, list(self._claims.values()))
        return dict(zip(self._claims, parts, strict=True))

    def _planned(self, lender: Lender, flows: Sequence[Flow], *, gone: int, cut: int) -> Outcome:
        credit = self._yearly_credit(lender, flows, gone) + self._haircut_credit(lender, cut)
        return Outcome(
            principal_cents=sum(principal for _, _, principal in flows),
            interest_cents=sum(interest for _, interest, _ in flows),
            present_value_cents=self._worth([(on, interest + principal) for on, interest, principal in flows]),
            tax_credit_cents=credit,
        )

    def _assumed(self, lender: Lender, assumed: Assumption, part: int, *, is_lost: bool) -> Outcome:
        frame, claim = self._draft.frame, self._claims[lender.holder]
        on = add_months(frame.on, assumed.months)
        principal = min(part, claim)
        lost = claim - principal if is_lost else 0
        return Outcome(
            principal_cents=principal,
            interest_cents=part - principal,
            present_value_cents=self._worth([(on, part)]),
            tax_credit_cents=self._loss_credit(lender, on, losses=(Loss(on, lost),)) if lost else 0,
        )

    def _worth(self, amounts: Sequence[tuple[date, int]]) -> int:
        """The present value on the plan's day; what was due before it counts in full."""
        on = self._draft.frame.on
        flows = [(years(on, day) if day > on else Fraction(0), Fraction(cents)) for day, cents in amounts]
        return half_up(Fraction(worth(flows, self._rate).value))

    def _yearly_credit(self, lender: Lender, flows: Sequence[Flow], gone: int) -> int:
        """The yearly credits from the plan's year on, while the scheme has rules and its longest term runs."""
        frame, total = self._draft.frame, 0
        if frame.scheme is None or not lender.is_resident or lender.came_by:
            return 0
        starts_on = frame.terms.starts_on
        last = max((on.year for on, _, _ in flows), default=frame.on.year)
        if frame.scheme in PROXI:
            last = min(last, add_months(starts_on, MONTHS_A_YEAR * TAX_YEARS).year)
        opening, closing = self._openings[lender.holder], self._claims[lender.holder] - gone
        for year in range(frame.on.year, last + 1):
            if find_rule(frame.scheme, "credit_rate_first_periods", date(year, 12, 31)) is None:
                break
            closing = max(0, closing - sum(cents for on, _, cents in flows if max(on, frame.on).year == year))
            part = CreditPart(lender.holder, starts_on, Fraction(opening + closing, 2))
            total += credit_of_parts(frame.scheme, year, [part]).credit_cents
            opening = closing
        return total

    def _haircut_credit(self, lender: Lender, cut: int) -> int:
        """What was cut counts as lost once nothing can revive it: at the clause's end, or the plan's."""
        if not (cut and self._keeps_base):
            return 0
        clauses = [use.expires_on for use in self._draft.uses if use.tool is Tool.BETTER_FORTUNE and use.expires_on]
        final_on = max([self._last_due_on, *clauses])
        return self._loss_credit(lender, final_on, haircut=Haircut(self._draft.frame.on, cut, final_on))

    def _loss_credit(
        self, lender: Lender, on: date, *, losses: tuple[Loss, ...] = (), haircut: Haircut | None = None
    ) -> int:
        frame = self._draft.frame
        known = ("loss_credit_rate", "loss_event_months_after_term")
        if frame.scheme is None or None in {find_rule(frame.scheme, each, date(on.year, 12, 31)) for each in known}:
            return 0
        if lender.came_by:
            passes = find_rule(frame.scheme, "loss_credit_passes_by", date(on.year, 12, 31))
            if passes is None or not lender.came_by <= set(passes.members()):
                return 0
        lost = LostLoan(
            loan_id=lender.holder,
            term_ends_on=max(frame.terms.ends_on, self._last_due_on),
            concluded_on=frame.terms.starts_on,
            event=LossEvent.BANKRUPTCY if losses else None,
            event_on=frame.on if losses else None,
            called_on=frame.on if losses else None,
            is_resident=lender.is_resident,
            is_exemplary=self._draft.is_exemplary,
            losses=losses,
            haircuts=() if haircut is None else (haircut,),
        )
        return loss_credit(frame.scheme, on.year, [lost]).credit_cents


def _flows(owed: Owed, claims: Mapping[str, int]) -> dict[str, list[Flow]]:
    """What each holder is to be paid and when; interest that a holiday makes principal is hers by her claim."""
    held, left = dict(claims), owed.principal_cents
    found: dict[str, list[Flow]] = {holder: [] for holder in held}
    for row in owed.rows:
        split = shares(row.interest_cents, row.principal_cents, [Claim(*each) for each in held.items()])
        for share in split:
            found[share.holder].append((row.due_on, share.interest_cents, share.principal_cents))
            held[share.holder] = share.outstanding_cents
        grown = allocate(row.outstanding_cents - (left - row.principal_cents), [held[holder] for holder in held])
        held = {holder: cents + more for (holder, cents), more in zip(held.items(), grown, strict=True)}
        left = row.outstanding_cents
    return found
