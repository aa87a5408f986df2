"""A vote from its announcement to its result, on either database: who may say what when, and what is refused."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from api.refusals import LOCALES, sentence
from contracts.loans.voters import voters_of
from contracts.votes import queries, service
from contracts.votes import tables as t
from contracts.votes.lifecycle import VoteState
from contracts.votes.rules import MeetingRules, rule_of_terms
from contracts.votes.service import Claim
from contracts.votes.tally import Choice, Outcome
from ledger.accounts import AccountRef
from ledger.attest import attest
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.journal import JournalEntry, Posting
from ledger.money import Asset
from ledger.storage.engine import write_transaction
from tests.conftest import NOON
from tests.oracle import check_everything
from tests.proof import published_book
from tests.votes_kit import (
    ABSTAIN,
    CLOSES_AT,
    LARGE,
    NO,
    OPENS_AT,
    SUBJECT,
    YES,
    Poll,
    announced,
    draft,
    facts,
    file_of_operator,
    files_of,
    records_in,
)

CLAIMS = {"c1": 50_000, "c2": 125_000, "c3": 40_050}
MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
def poll(book: Book, clock: FixedClock) -> Iterator[Poll]:
    yield announced(book, clock, CLAIMS)
    check_everything(book)


def refused(act) -> Refusal:
    with pytest.raises(Refusal) as found:
        act()
    for language in LOCALES:
        assert sentence(found.value, language)
    return found.value


def ballots_in(poll: Poll) -> list:
    with poll.book.read() as connection:
        return connection.execute(
            sa.select(t.vote_ballot).order_by(t.vote_ballot.c.voter, t.vote_ballot.c.number)
        ).all()


# the whole of it


def test_a_vote_is_announced_taken_and_closed(poll: Poll) -> None:
    poll.cast("c1", (YES, 50_000))
    poll.cast("c2", (YES, 100_000), (NO, 25_000))
    poll.cast("c3", (ABSTAIN, 40_050))
    result = poll.close()
    assert result.outcome is Outcome.PASSED
    assert result.needs_homologation
    with poll.book.read() as connection:
        view = queries.vote_view(connection, "main", poll.vote_id)
        assert queries.votes_on(connection, "main", SUBJECT) == [poll.vote_id]
        [stated] = connection.scalars(sa.select(t.vote_result.c.tally))
    assert (view.state, view.ballots, view.result["outcome"]) == (VoteState.CLOSED, 3, "passed")
    [tally] = stated
    assert tally["cents"] == {"yes": 150_000, "no": 25_000, "abstain": 40_050}
    assert {head: count for head, count in tally["heads"].items() if count} == {"yes": 1, "mostly-yes": 1, "abstain": 1}
    assert (tally["voters"], tally["claims_cents"]) == (3, 215_050)


def test_nothing_of_a_ballot_can_be_read_before_the_end(poll: Poll) -> None:
    poll.cast("c1", (YES, 50_000))
    [row] = ballots_in(poll)
    with poll.book.read() as connection:
        view = queries.vote_view(connection, "main", poll.vote_id)
        [own] = queries.own_claims(connection, "main", poll.vote_id, "c1")
        [other] = queries.own_claims(connection, "main", poll.vote_id, "c2")
    assert b"yes" not in row.sealed
    assert (view.ballots, view.result) == (1, None)
    assert (own.weight_cents, own.last_cast_at, other.last_cast_at) == (50_000, OPENS_AT, None)
    unfinished = refused(lambda: queries.auditors_file(poll.book, poll.vote_id))
    assert unfinished.code == "vote-not-over"


def test_the_newest_ballot_counts_and_all_are_kept(poll: Poll) -> None:
    assert [poll.cast("c1", (choice, 50_000)) for choice in (NO, YES)] == [1, 2]
    assert poll.close().outcome is Outcome.PASSED
    assert [row.number for row in ballots_in(poll)] == [1, 2]


def test_a_vote_without_any_ballot_is_closed_without_being_carried(poll: Poll) -> None:
    assert poll.close().outcome is Outcome.REJECTED


def test_a_vote_that_is_withdrawn_is_never_counted(poll: Poll) -> None:
    poll.cast("c1", (YES, 50_000))
    poll.withdraw()
    closed = Refusal("vote-is-closed", vote=poll.vote_id, state="withdrawn")
    assert refused(lambda: poll.cast("c1", (NO, 1))) == closed
    assert refused(poll.close) == closed
    assert refused(poll.withdraw) == closed


def test_a_meeting_without_quorum_is_called_again_by_the_rule_of_the_second(book: Book, clock: FixedClock) -> None:
    claims = {"c1": 499, "c2": 501}
    first = announced(book, clock, claims, rule=rule_of_terms(MeetingRules()))
    first.cast("c1", (YES, 499))
    assert first.close().outcome is Outcome.NO_QUORUM
    clock.instant = NOON + timedelta(days=30)
    opens = clock.instant + timedelta(days=15)
    rule = rule_of_terms(MeetingRules(), meeting=2)
    with book.unit_of_work(actor="s1") as uow:
        again = draft(rule, record_on=clock.today(), opens_at=opens, closes_at=opens + timedelta(days=1))
        vote_id = service.open_vote(uow, again, [Claim(voter=v, cents=c) for v, c in claims.items()])
    second = Poll(book, clock, vote_id).at(opens)
    second.cast("c1", (YES, 499))
    clock.instant = opens + timedelta(days=1)
    with book.unit_of_work(actor="s1") as uow:
        result = service.close_vote(uow, vote_id)
    assert (result.outcome, result.needs_homologation) == (Outcome.PASSED, False)


def test_classes_are_kept_apart_where_the_rule_says_so_and_claims_of_one_holder_add_up(
    book: Book, clock: FixedClock
) -> None:
    claims = [
        Claim(voter="c1", cents=300, class_name="senior"),
        Claim(voter="c1", cents=200, class_name="senior"),
        Claim(voter="c1", cents=70, class_name="junior"),
        Claim(voter="c2", cents=0, class_name="junior"),
    ]
    poll = announced(book, clock, claims, rule=LARGE, facts=facts("senior", "junior"))
    with book.read() as connection:
        own = queries.own_claims(connection, "main", poll.vote_id, "c1")
        assert queries.own_claims(connection, "main", poll.vote_id, "c2") == []
    assert [(each.class_name, each.weight_cents) for each in own] == [("junior", 70), ("senior", 500)]
    poll.cast("c1", (YES, 500), class_name="senior")
    poll.cast("c1", (NO, 70), class_name="junior")
    result = poll.close()
    assert (result.outcome, result.approving) == (Outcome.CROSS_CLASS, ("senior",))


def test_the_lenders_of_a_loan_vote_with_what_is_outstanding_on_the_record_date(book: Book) -> None:
    loan = Asset("LOAN-L7", 2)

    def move(key: str, lender: str, cents: int, day: int) -> JournalEntry:
        one, other = AccountRef("020000", lender, loan.code), AccountRef("021000", "l7", loan.code)
        debit, credit = (one, other) if cents > 0 else (other, one)
        lines = (Posting(debit, debit=abs(cents)), Posting(credit, credit=abs(cents)))
        return JournalEntry(key, NOON.date().replace(day=day), "test", lines)

    with book.unit_of_work(actor="s1") as uow:
        uow.open_asset(loan)
        for entry in (
            move("a", "c1", 500, 1),
            move("b", "c2", 700, 1),
            move("c", "c1", -500, 2),
            move("d", "c2", -1, 3),
        ):
            uow.post(entry)
    with book.read() as connection:
        on = {day: voters_of(connection, "main", "l7", on=NOON.date().replace(day=day)) for day in (1, 2, 3)}
    assert on[1] == [Claim(voter="c1", cents=500), Claim(voter="c2", cents=700)]
    assert on[2] == [Claim(voter="c2", cents=700)]
    assert on[3] == [Claim(voter="c2", cents=699)]


# announcing


def announce(book: Book, **changes) -> str:
    with book.unit_of_work(actor="s1") as uow:
        return service.open_vote(uow, draft(**changes), [Claim(voter="c1", cents=5)])


def test_a_vote_opens_fifteen_days_after_its_announcement_and_not_a_day_before(book: Book) -> None:
    soon = refused(lambda: announce(book, opens_at=OPENS_AT - timedelta(days=1)))
    assert soon == Refusal("vote-notice-too-short", days=15, earliest_on="2026-03-17")
    assert announce(book, opens_at=OPENS_AT).startswith("v")
    longer = rule_of_terms(MeetingRules(notice_days=16))
    assert refused(lambda: announce(book, rule=longer)).facts["earliest_on"] == "2026-03-18"


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("vote-dates-differ", {"closes_at": OPENS_AT}),
        ("date-not-reached", {"record_on": NOON.date() + timedelta(days=1)}),
        ("evidence-malformed", {"terms_sha256": "no hash"}),
        ("vote-class-unknown", {"rule": LARGE, "facts": facts("other")}),
    ],
)
def test_what_can_be_no_vote_is_not_announced(sqlite_book: Book, code: str, changes: dict) -> None:
    assert refused(lambda: announce(sqlite_book, **changes)).code == code


def test_a_class_that_no_file_can_hold_and_an_electorate_of_nobody_are_refused(sqlite_book: Book) -> None:
    def opened(rule, *claims: Claim) -> str:
        with sqlite_book.unit_of_work(actor="s1") as uow:
            return service.open_vote(uow, draft(rule), claims)

    assert refused(lambda: opened(LARGE, Claim(voter="c1", cents=1, class_name="A b"))).code == "vote-class-unknown"
    nobody = refused(lambda: opened(LARGE, Claim(voter="c1", cents=0)))
    assert nobody == Refusal("vote-without-claims", subject=SUBJECT)


# voting


def test_a_ballot_comes_neither_before_the_opening_nor_at_the_end(poll: Poll) -> None:
    poll.at(OPENS_AT - MICROSECOND)
    assert refused(lambda: poll.cast("c1", (YES, 1))).code == "vote-not-open-yet"
    poll.at(OPENS_AT).cast("c1", (YES, 1))
    poll.at(CLOSES_AT - MICROSECOND).cast("c1", (YES, 2))
    poll.at(CLOSES_AT)
    assert refused(lambda: poll.cast("c1", (YES, 3))).code == "vote-is-over"
    assert len(ballots_in(poll)) == 2


def test_a_vote_is_not_counted_before_its_end_and_not_twice(poll: Poll) -> None:
    poll.at(CLOSES_AT - MICROSECOND)

    def close() -> None:
        with poll.book.unit_of_work(actor="s1") as uow:
            service.close_vote(uow, poll.vote_id)

    assert refused(close).code == "vote-not-over"
    poll.close()
    assert refused(close) == Refusal("vote-is-closed", vote=poll.vote_id, state="closed")
    assert refused(lambda: poll.cast("c1", (YES, 1))).code == "vote-is-closed"


def test_a_ballot_may_use_its_whole_weight_and_not_a_cent_more(poll: Poll) -> None:
    poll.cast("c1", (YES, 30_000), (NO, 20_000))
    above = refused(lambda: poll.cast("c1", (YES, 30_000), (NO, 20_001)))
    assert above == Refusal("ballot-above-weight", voted_cents=50_001, weight_cents=50_000)


@pytest.mark.parametrize("parts", [(), ((YES, 0),), ((YES, 5), (NO, -1)), ((YES, True),)])
def test_a_ballot_has_parts_of_a_cent_or_more(sqlite_book: Book, clock: FixedClock, parts) -> None:
    poll = announced(sqlite_book, clock, CLAIMS)
    assert refused(lambda: poll.cast("c1", *parts)).code == "ballot-malformed"


def test_who_has_no_claim_has_no_vote(poll: Poll) -> None:
    assert refused(lambda: poll.cast("c9", (YES, 1))) == Refusal("voter-unknown", vote=poll.vote_id, voter="c9")
    assert refused(lambda: poll.cast("c1", (YES, 1), class_name="other")).code == "voter-unknown"
    poll.vote_id = "v000000000"
    assert refused(lambda: poll.cast("c1", (YES, 1))) == Refusal("vote-unknown", vote="v000000000")


def test_a_refused_ballot_leaves_nothing(poll: Poll) -> None:
    def two() -> None:
        with poll.book.unit_of_work(actor="c1") as uow:
            service.cast(uow, poll.vote_id, service.BallotCast(voter="c1", parts=[(YES, 1)]))
            service.cast(uow, poll.vote_id, service.BallotCast(voter="c1", parts=[(YES, 50_001)]))

    assert refused(two).code == "ballot-above-weight"
    assert ballots_in(poll) == []


# proxies


def test_a_proxy_votes_until_it_is_revoked_and_the_voter_has_the_last_word(poll: Poll) -> None:
    proxy = poll.proxy("c1", "c3")
    poll.cast("c1", (NO, 50_000), by="c3")
    assert [row.proxy_id for row in ballots_in(poll)] == [proxy]
    poll.revoke(proxy, by="c1")
    assert refused(lambda: poll.cast("c1", (NO, 1), by="c3")) == Refusal("proxy-revoked", proxy=proxy)
    assert refused(lambda: poll.revoke(proxy, by="c1")) == Refusal("proxy-revoked", proxy=proxy)
    poll.cast("c1", (YES, 50_000))
    assert poll.close().outcome is Outcome.PASSED


def test_nobody_votes_for_another_without_a_proxy_and_a_stranger_cannot_revoke_one(poll: Poll) -> None:
    assert refused(lambda: poll.cast("c1", (YES, 1), by="c3")).code == "proxy-unknown"
    proxy = poll.proxy("c1", "c3")
    assert refused(lambda: poll.cast("c2", (YES, 1), by="c3")).code == "proxy-unknown"
    assert refused(lambda: poll.revoke(proxy, by="c2")).code == "proxy-unknown"
    poll.revoke(proxy, by="c3")


def test_a_proxy_holds_on_its_days_alone(poll: Poll) -> None:
    today = poll.clock.today()
    poll.proxy("c1", "c3", valid_from=today + timedelta(days=1), valid_until=today + timedelta(days=2))
    early = refused(lambda: poll.cast("c1", (YES, 1), by="c3"))
    assert early == Refusal("proxy-not-in-force", from_on="2026-03-18", until_on="2026-03-19")
    for days, fits in ((1, True), (2, True), (3, False)):
        poll.at(OPENS_AT + timedelta(days=days))
        if fits:
            poll.cast("c1", (YES, 1), by="c3")
        else:
            assert refused(lambda: poll.cast("c1", (YES, 1), by="c3")).code == "proxy-not-in-force"


def test_a_proxy_is_given_two_working_days_before_the_end_and_not_a_day_later(poll: Poll) -> None:
    poll.at(OPENS_AT.replace(day=20))  # a Friday; the vote ends on Tuesday 24 March
    poll.proxy("c1", "c3")
    poll.at(OPENS_AT.replace(day=21))
    assert refused(lambda: poll.proxy("c1", "c3")) == Refusal("proxy-too-late", last_on="2026-03-20")


def test_what_can_be_no_proxy_is_refused(poll: Poll) -> None:
    today = poll.clock.today()
    assert refused(lambda: poll.proxy("c1", "c1")).code == "proxy-dates-differ"
    assert refused(lambda: poll.proxy("c1", "c3", valid_until=today - timedelta(days=1))).code == "proxy-dates-differ"
    assert refused(lambda: poll.proxy("c9", "c3")).code == "voter-unknown"
    assert refused(lambda: poll.proxy("c1", "c3", evidence="a letter")).code == "evidence-malformed"
    poll.at(CLOSES_AT)
    assert refused(lambda: poll.proxy("c1", "c3")).code == "vote-is-over"


def test_one_who_holds_many_proxies_votes_for_all_of_them_at_once(poll: Poll) -> None:
    for voter in ("c1", "c2"):
        poll.proxy(voter, "c3")
    casts = [service.BallotCast(voter=v, parts=[(Choice.YES, c)]) for v, c in CLAIMS.items()]
    with poll.book.unit_of_work(actor="c3") as uow:
        assert service.cast_many(uow, poll.vote_id, casts) == [1, 1, 1]
    assert [bool(row.proxy_id) for row in ballots_in(poll)] == [True, True, False]


# rows that were altered


def test_a_ballot_that_was_altered_in_the_database_is_not_counted(make_engine, tmp_path, clock: FixedClock) -> None:
    book = published_book(make_engine("sqlite"), tmp_path / "data", clock).book
    poll = announced(book, clock, CLAIMS)
    poll.cast("c1", (YES, 50_000))
    poll.cast("c1", (NO, 50_000))
    with write_transaction(book.engine) as connection:
        connection.exec_driver_sql("DROP TRIGGER vote_ballot_final_update")
        connection.exec_driver_sql(
            "UPDATE vote_ballot SET sealed = (SELECT sealed FROM vote_ballot WHERE number = 1) WHERE number = 2"
        )
    assert refused(poll.close).code == "ballot-differs"


def test_every_row_of_a_vote_is_attested(poll: Poll) -> None:
    proxy = poll.proxy("c1", "c3")
    poll.cast("c1", (YES, 50_000))
    poll.revoke(proxy, by="c1")
    poll.close()
    with poll.book.unit_of_work(actor="system:attest") as uow:
        assert attest(uow, key="state:all") > 10


def test_a_ballot_of_nobody_has_no_file(poll: Poll) -> None:
    gone = refused(lambda: queries.ballot_file(poll.book, poll.vote_id, "c1", "all"))
    assert gone == Refusal("ballot-unknown", vote=poll.vote_id)


def test_files_are_made_once_the_log_holds_the_end(engine: sa.Engine, tmp_path, clock: FixedClock) -> None:
    published = published_book(engine, tmp_path / "data", clock)
    poll = announced(published.book, clock, CLAIMS)
    poll.cast("c1", (YES, 50_000))
    published.publish()

    def public() -> bytes:
        return queries.published_file(published.book, published.log_dir, poll.vote_id)

    assert refused(public).code == "vote-not-over"
    poll.close()
    assert refused(public).code == "receipt-not-yet-final"
    found, auditors = files_of(published, poll.vote_id)
    assert json.dumps(found).count('"c1"') == json.dumps(auditors).count('"c1"') == 0, "pseudonyms, no tokens"
    assert "50000" not in json.dumps(found["records"]["heads"])
    assert (
        file_of_operator(published, poll.spec, records_in(found), announcement=found["announcement"])["tally"]
        == found["tally"]
    )
