"""The meeting of bondholders: called with notice, voted on, counted; what it agrees to changes the terms.

    called ── notice ──▶ vote open ──▶ counted ─┬─ adopted ───────────────────────────▶ in effect
                                                ├─ adopted by less than a third ▶ court ─▶ in effect, or refused
                                                ├─ rejected
                                                └─ no quorum ─ called again ─▶ second meeting, the same

A meeting has an agenda of resolutions, each voted by itself in `contracts.votes`: ballots are sealed and weights are
what the register owes each holder at the close of the record date, published as coins in bands. Every threshold is a
term of the issue (by default companies code, art. 7:161 to 7:176). Units that the issuer holds itself have no vote.
Where some holders have the residents' margin, rights differ: they are a class, and the others are one, if the terms
have it so and the resolution changes the terms.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction

from contracts import moves
from contracts.bonds import postings
from contracts.bonds import queries as q
from contracts.bonds.changes import EXEMPT, Change, ChangeKind, changed
from contracts.bonds.lifecycle import (
    ADOPTED,
    CALLED_AGAIN,
    HOMOLOGATED,
    HOMOLOGATION_REFUSED,
    IN_EFFECT,
    MEETING_CALLED,
    PUT_TO_VOTE,
    QUORUM_MISSING,
    REJECTED,
    RESOLUTION,
    SERIES,
    TERMS_CHANGED,
    TO_COURT,
)
from contracts.bonds.meeting_queries import outstanding_units, resolution, resolution_id, resolutions
from contracts.bonds.model import ResolutionState, Series, SeriesState, SeriesTerms
from contracts.bonds.service import JOB, running_series
from contracts.events import BOND_CHANGE, Mail, emit_mails
from contracts.parties.queries import residents
from contracts.pledges.service import CHUNK
from contracts.votes import queries as votes
from contracts.votes.rules import ALL, FIRST, SECOND, VoteRule, rule_of_terms
from contracts.votes.service import Claim, VoteDraft, close_vote, open_vote
from contracts.votes.tally import Outcome
from ledger import balances
from ledger.book import Book, UnitOfWork
from ledger.calendars import add_target_days
from ledger.clock import brussels_date
from ledger.errors import Refusal
from ledger.journal import is_plain_text
from ledger.storage.base import JSON

RESIDENTS, OTHERS = "residents", "others"
MOST_RESOLUTIONS = 20
_OUTCOME_MAILS: Mapping[str, str] = {
    QUORUM_MISSING: "meeting-quorum-missing",
    ADOPTED: "meeting-adopted",
    TO_COURT: "meeting-to-court",
    REJECTED: "meeting-rejected",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Convening:
    """A call: what is on the agenda, when the vote opens and closes, and the SHA-256 of the paper that calls.

    `asked_by` are the holders who ask for the meeting; it is the issuer's own call where there are none.
    """

    agenda: Sequence[Change]
    opens_at: datetime
    closes_at: datetime
    evidence: str
    asked_by: Sequence[str] = ()


def convene(uow: UnitOfWork, series_id: str, convening: Convening, *, on: date) -> list[int]:
    """Call a first meeting: freeze the register, open a vote for each resolution, tell every holder.

    Gives the numbers of the resolutions. Refuses `series-not-running`, `agenda-malformed`, what `changed` refuses,
    `change-too-late` where no coupon is left, `meeting-callers-short` for holders who have less than the terms ask
    for, `vote-notice-too-short` and what else `contracts.votes.service.open_vote` refuses.
    """
    record = running_series(uow, series_id)
    series = record.series
    if not 0 < len(convening.agenda) <= MOST_RESOLUTIONS:
        raise Refusal("agenda-malformed")
    for change in convening.agenda:
        if not is_plain_text(change.text):
            raise Refusal("agenda-malformed")
        _amended(uow, series, change, on=on)
    asked_units = _asked_units(uow, series, convening.asked_by)
    first = 1 + sum(len(_numbers(move)) for move in record.moved(MEETING_CALLED))
    numbers = list(range(first, first + len(convening.agenda)))
    facts: dict[str, JSON] = {"resolutions": list(numbers), "asked_units": asked_units}
    moves.record_move(uow, SERIES, series_id, MEETING_CALLED, on=on, evidence=convening.evidence, facts=facts)
    for n, change in zip(numbers, convening.agenda, strict=True):
        stated: dict[str, JSON] = {"meeting": FIRST, "change": change.as_json()}
        _put(uow, series, n, change, convening, stated, event=PUT_TO_VOTE, on=on)
    _tell(uow, series, "meeting-called", f"{series_id}:{first}:{FIRST}", **_days(convening))
    return numbers


def convene_again(uow: UnitOfWork, series_id: str, n: int, convening: Convening, *, on: date) -> None:
    """Call the second meeting on a resolution whose first had no quorum; its agenda and callers are not asked again.

    Refuses `series-not-running`, `resolution-not-known`, `move-not-allowed`, and what `convene` refuses of days.
    """
    series, found = running_series(uow, series_id).series, resolution(uow.connection, uow.book_id, series_id, n)
    RESOLUTION.after(found.state, CALLED_AGAIN)
    _amended(uow, series, found.change, on=on)
    stated: dict[str, JSON] = {"meeting": SECOND}
    _put(uow, series, n, found.change, convening, stated, event=CALLED_AGAIN, on=on)
    _tell(uow, series, "meeting-called", f"{series_id}:{n}:{SECOND}", **_days(convening))


def count_resolution(uow: UnitOfWork, series_id: str, n: int, *, on: date) -> ResolutionState:
    """Close the vote on a resolution and do what came of it; gives the state that it is in now.

    Refuses `resolution-not-known`, `move-not-allowed`, and what `contracts.votes.service.close_vote` refuses.
    """
    series, found = running_series(uow, series_id).series, resolution(uow.connection, uow.book_id, series_id, n)
    RESOLUTION.after(found.state, REJECTED)
    result = close_vote(uow, found.vote_id)
    event = REJECTED
    if result.outcome is Outcome.NO_QUORUM and found.meeting == FIRST:
        event = QUORUM_MISSING
    elif result.outcome is Outcome.PASSED:
        event = TO_COURT if result.needs_homologation else ADOPTED
    facts: dict[str, JSON] = {"outcome": result.outcome.value}
    name = resolution_id(series_id, n)
    state = moves.record_move(uow, RESOLUTION, name, event, on=on, facts=facts)
    _tell(uow, series, _OUTCOME_MAILS[event], f"{name}:{found.meeting}", text=found.change.text)
    return state


def record_homologation(
    uow: UnitOfWork, series_id: str, n: int, *, approved: bool, on: date, evidence: str
) -> ResolutionState:
    """What the court of appeal decided on a resolution that too few had approved; `evidence` is its judgment's SHA-256.

    Refuses `series-not-running`, `resolution-not-known`, `move-not-allowed` and `evidence-malformed`.
    """
    running_series(uow, series_id)
    found = resolution(uow.connection, uow.book_id, series_id, n)
    event = HOMOLOGATED if approved else HOMOLOGATION_REFUSED
    RESOLUTION.after(found.state, event)
    return moves.record_move(uow, RESOLUTION, resolution_id(series_id, n), event, on=on, evidence=evidence)


def bring_into_effect(uow: UnitOfWork, series_id: str, n: int, *, on: date) -> None:
    """Change the terms as a resolution says; of less principal, each holder has an entry.

    Refuses `series-not-running`, `resolution-not-known`, `move-not-allowed` unless it is adopted, what `changed`
    refuses, and `change-too-late` where no coupon is left to be changed.
    """
    series, found = running_series(uow, series_id).series, resolution(uow.connection, uow.book_id, series_id, n)
    RESOLUTION.after(found.state, IN_EFFECT)
    from_n = _amended(uow, series, found.change, on=on)
    known_at = balances.entry_count(uow.connection, uow.book_id) - 1
    facts: dict[str, JSON] = {"resolution": n, "from_n": from_n, "change": found.change.as_json()}
    moves.record_move(uow, RESOLUTION, resolution_id(series_id, n), IN_EFFECT, on=on, facts={"known_at": known_at})
    if found.change.kind not in EXEMPT:
        moves.record_move(uow, SERIES, series_id, TERMS_CHANGED, on=on, facts=facts)
    if found.change.kind is ChangeKind.HAIRCUT:
        _reduce(uow, series, n, found.change, known_at=known_at, on=on, first=0)


def continue_change(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle the next chunk of holders whose principal is reduced."""
    series_id, n = str(body["series_id"]), int(str(body["n"]))
    series = q.series_record(uow.connection, uow.book_id, series_id).series
    change = resolution(uow.connection, uow.book_id, series_id, n).change
    on, first = date.fromisoformat(str(body["on"])), int(str(body["first"]))
    _reduce(uow, series, n, change, known_at=int(str(body["known_at"])), on=on, first=first)


def count_due_resolutions(book: Book, on: date) -> int:
    """Dated job: count every vote of a meeting that has ended, and bring into effect whatever is adopted.

    What can't take effect any more stays adopted, for everybody to see. Gives how many were counted or took effect.
    """
    with book.read() as connection:
        standing = [
            found
            for series_id in q.series_ids(connection, book.book_id, SeriesState.RUNNING)
            for found in resolutions(connection, book.book_id, series_id)
        ]
        due = [
            found
            for found in standing
            if found.state is ResolutionState.PUT
            and brussels_date(votes.spec_of(connection, book.book_id, found.vote_id).closes_at) <= on
        ]
    adopted = [found for found in standing if found.state is ResolutionState.ADOPTED]
    for found in due:
        with book.unit_of_work(actor=JOB) as uow:
            state = count_resolution(uow, found.series_id, found.n, on=on)
        adopted += [found] if state is ResolutionState.ADOPTED else []
    return len(due) + sum(_try_effect(book, found.series_id, found.n, on) for found in adopted)


def meeting_rule(terms: SeriesTerms, kind: ChangeKind, *, meeting: int) -> VoteRule:
    """The rule of a resolution at a first or a second meeting, as the terms have it."""
    has_classes = bool(terms.resident_margin) and kind not in EXEMPT
    return rule_of_terms(terms.meeting.for_vote(has_classes=has_classes, exempt=kind in EXEMPT), meeting=meeting)


def _put(
    uow: UnitOfWork, series: Series, n: int, change: Change, convening: Convening, stated: dict[str, JSON], *,
    event: str, on: date,
) -> None:  # fmt: skip
    """Open the vote on a resolution and note it."""
    terms, record_on = series.terms, add_target_days(on, -series.terms.record_days)
    rule = meeting_rule(terms, change.kind, meeting=int(str(stated["meeting"])))
    draft = VoteDraft(
        subject=f"bond:{series.series_id}:{n}",
        terms_sha256=convening.evidence,
        rule=rule,
        record_on=record_on,
        opens_at=convening.opens_at,
        closes_at=convening.closes_at,
    )
    vote_id = open_vote(uow, draft, _claims(uow, series, record_on, by_class=rule.by_class))
    facts = {**stated, "vote_id": vote_id}
    name = resolution_id(series.series_id, n)
    moves.record_move(uow, RESOLUTION, name, event, on=on, evidence=convening.evidence, facts=facts)


def _claims(uow: UnitOfWork, series: Series, record_on: date, *, by_class: bool) -> list[Claim]:
    """What the register owed each holder but the issuer at the close of the record date, in cents."""
    terms, held = series.terms, q.register(uow.connection, uow.book_id, series, on=record_on)
    living = residents(uow.connection, uow, held, of=terms.residents, on=record_on) if by_class else ()
    at_home = frozenset(living)

    def class_of(holder: str) -> str:
        return ALL if not by_class else RESIDENTS if holder in at_home else OTHERS

    return [
        Claim(voter=holder, cents=each.units * terms.owed_cents, class_name=class_of(holder))
        for holder, each in held.items()
        if holder != terms.issuer
    ]


def _asked_units(uow: UnitOfWork, series: Series, asked_by: Sequence[str]) -> int:
    """The units of the holders who ask for a meeting; refuses `meeting-callers-short`."""
    if not asked_by:
        return 0
    held = q.holdings(uow.connection, uow.book_id, series, sorted(set(asked_by)))
    units = sum(each.units for each in held.values())
    wanted = Fraction(series.terms.meeting.holders_may_call) * outstanding_units(uow.connection, uow.book_id, series)
    if units < wanted:
        raise Refusal("meeting-callers-short", units=units, wanted_units=-(-wanted.numerator // wanted.denominator))
    return units


def _amended(uow: UnitOfWork, series: Series, change: Change, *, on: date) -> int:
    """The first coupon that the change would hold for today; refuses what `changed` refuses, and `change-too-late`."""
    terms, planned = series.terms, q.runs(uow.connection, uow.book_id, series.series_id)
    coupons = [
        each.n for each in terms.bond.periods if f"c{each.n}" not in planned and on <= terms.record_on(each.paid_on)
    ]
    if not coupons or "m" in planned:
        raise Refusal("change-too-late", series_id=series.series_id)
    changed(terms, change, from_n=coupons[0])
    return coupons[0]


def _reduce(uow: UnitOfWork, series: Series, n: int, change: Change, *, known_at: int, on: date, first: int) -> None:
    """Post what the next chunk of holders gives up, by the register as it was known when the change took effect."""
    held = list(q.register(uow.connection, uow.book_id, series, known_at=known_at).items())
    for holder, each in held[first : first + CHUNK]:
        cents = each.units * change.cents_a_unit
        uow.post(postings.nominal_reduced(series, n, holder=holder, amount_cents=cents, on=on, actor=uow.actor))
    rest = first + CHUNK
    if rest < len(held):
        body: dict[str, JSON] = {"series_id": series.series_id, "n": n, "known_at": known_at, "on": on.isoformat()}
        uow.emit(BOND_CHANGE, f"{resolution_id(series.series_id, n)}:{rest}", {**body, "first": rest})


def _try_effect(book: Book, series_id: str, n: int, on: date) -> bool:
    try:
        with book.unit_of_work(actor=JOB) as uow:
            bring_into_effect(uow, series_id, n, on=on)
    except Refusal as refusal:
        if refusal.code != "change-too-late":
            raise
        return False
    return True


def _tell(uow: UnitOfWork, series: Series, template: str, key: str, **facts: str) -> None:
    """Write to every holder, and to the issuer."""
    held = q.register(uow.connection, uow.book_id, series)
    stated: dict[str, JSON] = {"title": series.terms.title, **facts}
    path = f"/bonds/{series.series_id}/meeting"
    whom = dict.fromkeys((*held, series.terms.issuer))
    emit_mails(uow, template, [Mail(f"{key}:{party}", party, stated, path) for party in whom])


def _days(convening: Convening) -> dict[str, str]:
    last = brussels_date(convening.closes_at) - timedelta(days=1)
    return {"opens_on": brussels_date(convening.opens_at).isoformat(), "last_on": last.isoformat()}


def _numbers(move: moves.Move) -> Sequence[int]:
    numbers = move.facts["resolutions"]
    assert isinstance(numbers, list)
    return [int(str(each)) for each in numbers]
