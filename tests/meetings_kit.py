"""What tests of meetings of bondholders share: calling, voting with all of one's weight, going to the count.

numbers = convene(desk, series_id, RATE_CUT);  vote(desk, series_id, 1, {ada: YES});  go_to_count(desk, series_id, 1)
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal

from contracts.bonds import meetings
from contracts.bonds.changes import Change, ChangeKind
from contracts.bonds.meeting_queries import Resolution, resolution
from contracts.bonds.meetings import Convening
from contracts.votes import service as votes
from contracts.votes.queries import own_claims, spec_of
from contracts.votes.service import BallotCast
from contracts.votes.tally import Choice
from ledger.clock import BRUSSELS, brussels_date
from tests.bonds_kit import Desk
from tests.products_kit import EVIDENCE

YES, NO, ABSTAIN = Choice.YES, Choice.NO, Choice.ABSTAIN
RATE_CUT = Change(kind=ChangeKind.RATE_CUT, text="Two percent from now on", rate_annual=Decimal("0.02"))
HAIRCUT = Change(kind=ChangeKind.HAIRCUT, text="Three hundred euro less on each unit", cents_a_unit=30_000)
REPRESENTATIVE = Change(kind=ChangeKind.REPRESENTATIVE, text="Ada speaks for the holders")


def convening(desk: Desk, *agenda: Change, asked_by: Sequence[str] = (), notice_days: int = 15) -> Convening:
    """A vote that opens when the notice is over, and is open for a week."""
    opens_at = datetime.combine(desk.town.today + timedelta(days=notice_days), time(), BRUSSELS)
    closes_at = opens_at + timedelta(days=7)
    return Convening(agenda=agenda, opens_at=opens_at, closes_at=closes_at, evidence=EVIDENCE, asked_by=asked_by)


def convene(
    desk: Desk, series_id: str, *agenda: Change, asked_by: Sequence[str] = (), notice_days: int = 15
) -> list[int]:
    town, called = desk.town, convening(desk, *agenda, asked_by=asked_by, notice_days=notice_days)
    with town.book.unit_of_work(actor=town.maker) as uow:
        return meetings.convene(uow, series_id, called, on=town.today)


def convene_again(desk: Desk, series_id: str, n: int) -> None:
    town = desk.town
    with town.book.unit_of_work(actor=town.maker) as uow:
        meetings.convene_again(uow, series_id, n, convening(desk), on=town.today)


def found(desk: Desk, series_id: str, n: int) -> Resolution:
    with desk.town.book.read() as connection:
        return resolution(connection, desk.town.book.book_id, series_id, n)


def vote(desk: Desk, series_id: str, n: int, said: Mapping[str, Choice]) -> None:
    """Each says one thing with all of her weight, on the day on which the vote opens or later."""
    town, vote_id = desk.town, found(desk, series_id, n).vote_id
    with town.book.read() as connection:
        opens_on = brussels_date(spec_of(connection, town.book.book_id, vote_id).opens_at)
        claims = {who: own_claims(connection, town.book.book_id, vote_id, who) for who in said}
    if town.today < opens_on:
        town.jump_to(opens_on)
    for who, choice in said.items():
        for claim in claims[who]:
            ballot = BallotCast(voter=who, parts=[(choice, claim.weight_cents)], class_name=claim.class_name)
            with town.book.unit_of_work(actor=who) as uow:
                votes.cast(uow, vote_id, ballot)


def go_to_count(desk: Desk, series_id: str, n: int) -> Resolution:
    """The day on which the vote ends; what is due on it happens."""
    town, vote_id = desk.town, found(desk, series_id, n).vote_id
    with town.book.read() as connection:
        closes_on = brussels_date(spec_of(connection, town.book.book_id, vote_id).closes_at)
    town.jump_to(closes_on)
    return found(desk, series_id, n)
