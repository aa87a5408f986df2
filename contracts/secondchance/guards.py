"""What must hold for a move of a file: one pure function a rule, which refuses by code and names its source.

Numbers come from the dated rows of `BE-XX` (book XX of the Code of Economic Law), `EBA` and the loan's scheme on the
day of the event, so that a day before the law of 7 June 2023 applied is refused and not judged by it.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from fractions import Fraction

from contracts.schemes.rules import rule
from contracts.secondchance.model import CreditorPart, Ground, Procedure, Size, Stay
from contracts.terms.dates import MONTHS_A_YEAR, add_months
from contracts.terms.exact import decimal_half_up
from ledger.errors import Refusal

LAW, SUPERVISORS = "BE-XX", "EBA"
DISCLOSURE_YEARS = 5
"""How long lenders of a new loan are shown that an earlier one failed: the programme's own rule."""
MEETING_MONTHS = 2
"""Within which the directors call the general meeting (Code of Companies, art. 5:153, 6:119 and 7:228)."""
MOST_LISTED = 20
"""Names in a refusal."""


def check_evidence(evidence: str | None) -> None:
    """A move rests on a paper: refuses `evidence-missing`."""
    if not evidence:
        raise Refusal("evidence-missing")


def check_days_past_due(days: int, *, more_than: int) -> None:
    """Late from the first day, a warning past 30, in default past 90 (2022/2115): `days-past-due-too-few`."""
    if days <= more_than:
        raise Refusal("days-past-due-too-few", days=days, more_than=more_than)


def check_arrears_cleared(overdue_cents: int) -> None:
    """Refuses `arrears-not-cleared` while anything is past its date and unpaid."""
    if overdue_cents:
        raise Refusal("arrears-not-cleared", overdue_cents=overdue_cents)


def check_nothing_outstanding(outstanding_cents: int) -> None:
    """A debt ends at exactly zero: refuses `claims-outstanding`."""
    if outstanding_cents:
        raise Refusal("claims-outstanding", outstanding_cents=outstanding_cents)


def check_in_default(*, is_in_default: bool) -> None:
    """A way out that failed leads back into the default that there was: refuses `loan-not-in-default`."""
    if not is_in_default:
        raise Refusal("loan-not-in-default")


def check_not_in_default(*, is_in_default: bool) -> None:
    """No way out that failed hides a default: refuses `loan-in-default`."""
    if is_in_default:
        raise Refusal("loan-in-default")


def check_standstill(stay: Stay) -> None:
    """A standstill that lenders agree to begins before it ends: refuses `stay-malformed`."""
    if stay.ends_on <= stay.starts_on:
        raise Refusal("stay-malformed", starts_on=stay.starts_on.isoformat(), ends_on=stay.ends_on.isoformat())


def check_moratorium(stay: Stay, earlier: Sequence[Stay] = ()) -> None:
    """A court's stay: at most 4 months at once, 12 months in all (art. XX.46 and XX.59).

    Refuses `stay-malformed`, `moratorium-too-long` and `moratorium-total-too-long`; with gaps between the stays their
    days count against those of 12 months from the first. One that begins inside another is malformed too.

    >>> check_moratorium(Stay(date(2026, 3, 2), date(2026, 7, 2)))
    """
    check_standstill(stay)
    if any(stay.starts_on < before.ends_on for before in earlier):
        raise Refusal("stay-malformed", starts_on=stay.starts_on.isoformat(), ends_on=stay.ends_on.isoformat())
    months = rule(LAW, "moratorium_months", stay.starts_on).integer()
    latest = add_months(stay.starts_on, months)
    if stay.ends_on > latest:
        raise Refusal(
            "moratorium-too-long", ends_on=stay.ends_on.isoformat(), latest_on=latest.isoformat(), months=months
        )
    total = rule(LAW, "moratorium_total_months", stay.starts_on).integer()
    every = [*earlier, stay]
    opened_on = min(each.starts_on for each in every)
    used = sum((each.ends_on - each.starts_on).days for each in every)
    limit = (add_months(opened_on, total) - opened_on).days
    if used > limit:
        raise Refusal("moratorium-total-too-long", days=used, limit_days=limit, months=total)


def check_plan_length(last_due_on: date, *, homologated_on: date) -> None:
    """A plan is performed within 5 years of its homologation (art. XX.76, XX.83/10): refuses `plan-too-long`."""
    years = rule(LAW, "plan_years", homologated_on).integer()
    latest = add_months(homologated_on, MONTHS_A_YEAR * years)
    if last_due_on > latest:
        raise Refusal("plan-too-long", last_due_on=last_due_on.isoformat(), latest_on=latest.isoformat(), years=years)


def check_creditor_minimum(parts: Iterable[CreditorPart], *, on: date, reasons: str = "") -> tuple[str, ...]:
    """At least 20 % of each creditor's principal, less with stated compelling reasons only (art. XX.75/1).

    Gives the holders that are paid less; refuses `creditor-below-minimum` where there are any and no reasons.
    """
    share = Fraction(rule(LAW, "creditor_minimum_share", on).decimal())
    below = [part for part in parts if part.paid_cents < share * part.principal_cents]
    if below and not reasons.strip():
        worst = min(below, key=lambda part: Fraction(part.paid_cents, part.principal_cents))
        raise Refusal(
            "creditor-below-minimum",
            creditors=[part.holder for part in below[:MOST_LISTED]],
            paid_cents=worst.paid_cents,
            principal_cents=worst.principal_cents,
            minimum_percent=f"{decimal_half_up(share * 100, 0)}",
        )
    return tuple(part.holder for part in below)


def check_secured_stay(months: int, *, on: date, reasons: str = "") -> None:
    """Secured creditors wait at most 24 months, 12 more with reasons (art. XX.75/2): `secured-stay-too-long`."""
    limit = rule(LAW, "secured_stay_months", on).integer()
    limit += rule(LAW, "secured_stay_more_months", on).integer() if reasons.strip() else 0
    if months > limit:
        raise Refusal("secured-stay-too-long", months=months, limit_months=limit)


def check_filing(*, filed_on: date, hearing_on: date) -> None:
    """The plan is in the register 20 days before the hearing (art. XX.77): refuses `plan-filed-too-late`."""
    days = rule(LAW, "filing_days", filed_on).integer()
    if (hearing_on - filed_on).days < days:
        raise Refusal("plan-filed-too-late", days=(hearing_on - filed_on).days, minimum_days=days)


def check_notice(*, noticed_on: date, closes_on: date) -> None:
    """Creditors have 15 days' notice of what they vote on (art. XX.77 and XX.78): refuses `notice-too-short`."""
    days = rule(LAW, "notice_days", noticed_on).integer()
    if (closes_on - noticed_on).days < days:
        raise Refusal("notice-too-short", days=(closes_on - noticed_on).days, minimum_days=days)


def check_accepted(*, is_accepted: bool) -> None:
    """The outcome is the vote's, which reckons it by its own rules: refuses `plan-not-accepted`."""
    if not is_accepted:
        raise Refusal("plan-not-accepted")


def check_cure(clean_since: date | None, *, on: date, is_distressed: bool) -> None:
    """Three months without arrears, twelve after a distressed restructuring (EBA/GL/2016/07, paragraphs 71 and 72).

    `clean_since` is the first day without arrears, or the restructuring's if that is later; None while there are any.
    Refuses `cure-too-early`.
    """
    months = rule(SUPERVISORS, "distressed_cure_months" if is_distressed else "cure_months", on).integer()
    earliest = None if clean_since is None else add_months(clean_since, months)
    if earliest is None or on < earliest:
        raise Refusal("cure-too-early", months=months, earliest_on="-" if earliest is None else earliest.isoformat())


def probation_ends_on(cured_on: date) -> date:
    """When a cured loan is no longer on probation: 24 months on (Implementing Regulation (EU) 2021/451, annex V).

    >>> probation_ends_on(date(2026, 3, 2))
    datetime.date(2028, 3, 2)
    """
    return add_months(cured_on, rule(SUPERVISORS, "probation_months", cured_on).integer())


def check_probation_breached(*, on: date, probation_until: date | None, days: int, concessions: int) -> None:
    """More than 30 days past due, or a second concession, while on probation (regulation 2021/451).

    Refuses `probation-not-breached`.
    """
    limit = rule(SUPERVISORS, "probation_days_past_due", on).integer()
    is_on_probation = probation_until is not None and on < probation_until
    if not is_on_probation or (days <= limit and concessions < 2):  # noqa: PLR2004 -- the second one counts
        raise Refusal("probation-not-breached", days=days, more_than=limit, concessions=concessions)


def check_ground(ground: Ground, *, on: date, scheme: str, overdue_since: date | None = None) -> None:
    """A loan is called on a ground of art. 7; arrears are one past three months: refuses `arrears-too-short`."""
    if ground is not Ground.ARREARS:
        return
    months = rule(scheme, "acceleration_arrears_months", on).integer()
    if overdue_since is None or on <= add_months(overdue_since, months):
        raise Refusal("arrears-too-short", months=months)


def check_re_eligible(*, in_good_faith: bool, is_sanctioned: bool, is_discharged: bool) -> None:
    """Who failed in good faith may borrow again: cured or discharged (art. XX.173), and under no sanction.

    Refuses `not-re-eligible` with the ground. There is no cooling-off: disclosure stands in its place.
    """
    grounds = (("bad-faith", not in_good_faith), ("sanction", is_sanctioned), ("not-discharged", not is_discharged))
    for ground, applies in grounds:
        if applies:
            raise Refusal("not-re-eligible", ground=ground)


def disclosed_until(ended_on: date) -> date:
    """Until when a failure is shown to the lenders of a new loan."""
    return add_months(ended_on, MONTHS_A_YEAR * DISCLOSURE_YEARS)


def procedure(sizes: Sequence[Size], *, on: date, has_opted: bool = False) -> Procedure:
    """Large where one or more limits are exceeded in the last two years, each time, or by choice (art. XX.83/1).

    >>> year = Size(250, 4_000_000_000, 2_000_000_000)
    >>> procedure([year, year], on=date(2026, 3, 2)).value
    'sme'
    """
    limits = [rule(LAW, f"large_{name}", on).integer() for name in ("employees", "turnover_cents", "balance_cents")]
    last_two = sizes[-2:]
    exceeds = [any(value > limit for value, limit in zip(_measures(size), limits, strict=True)) for size in last_two]
    is_large = len(exceeds) == 2 and all(exceeds)  # noqa: PLR2004 -- two years running
    return Procedure.LARGE if has_opted or is_large else Procedure.SME


def ruling_due_on(hearing_on: date) -> date:
    """By when the court rules on a plan (art. XX.79)."""
    return hearing_on + timedelta(days=rule(LAW, "ruling_days", hearing_on).integer())


def private_hearing_due_on(requested_on: date) -> date:
    """By when a private reorganisation is heard (art. XX.83/22)."""
    return requested_on + timedelta(days=rule(LAW, "private_hearing_days", requested_on).integer())


def general_meeting_due_on(alarm_on: date) -> date:
    """By when the directors have called the meeting that the alarm bell asks for."""
    return add_months(alarm_on, MEETING_MONTHS)


def _measures(size: Size) -> tuple[int, int, int]:
    return size.employees, size.turnover_cents, size.balance_cents
