"""How far the log is behind the record: figures for whoever watches, and when they are an alarm."""

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger.anchors import anchor_checkpoint
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.integrator import integrate
from ledger.log.encoding import b64
from ledger.standing import LogStanding, log_standing
from tests.conftest import NOON
from tests.proof import PublishedBook, published_book
from tests.witnesses import two_of_three


@pytest.fixture
def published(engine: sa.Engine, tmp_path: Path, clock: FixedClock) -> PublishedBook:
    return published_book(engine, tmp_path / "data", clock)


def standing(published: PublishedBook, **later: int) -> LogStanding:
    return log_standing(published.book, published.log_dir, now=published.book.clock.now() + timedelta(**later))


def test_before_anything_is_published_everything_waits_since_the_first_entry(published: PublishedBook) -> None:
    found = standing(published, minutes=3)
    assert (found.booked, found.written, found.signed, found.witnessed, found.pending) == (1, 0, 0, 0, 1)
    assert (found.root, found.checkpoint_seconds) == ("", None)
    assert (found.pending_seconds, found.anchored, found.anchor_seconds) == (180, 0, 180)


def test_what_is_signed_waits_no_longer_and_the_oldest_of_the_rest_tells_how_long(
    published: PublishedBook, clock: FixedClock
) -> None:
    published.post(2)
    checkpoint = published.publish()
    found = standing(published, seconds=30)
    assert (found.booked, found.written, found.signed, found.pending, found.pending_seconds) == (4, 4, 4, 0, 0)
    assert (found.root, found.checkpoint_seconds) == (b64(checkpoint.root), 30)
    clock.instant += timedelta(minutes=1)
    published.post(1)
    clock.instant += timedelta(minutes=10)
    published.post(1)
    found = standing(published)
    assert (found.booked, found.written, found.signed, found.pending, found.pending_seconds) == (6, 4, 4, 2, 600)
    assert not found.is_late
    assert standing(published, seconds=1).is_late
    integrate(published.book, published.log_dir)
    assert (standing(published).written, standing(published).signed) == (6, 4)


def test_an_anchor_is_late_after_two_days(published: PublishedBook) -> None:
    published.publish()
    assert standing(published, hours=48).anchor_seconds == 48 * 3600
    assert not standing(published, hours=48).anchor_is_late
    assert standing(published, hours=48, seconds=1).anchor_is_late
    stamped_at = NOON + timedelta(hours=40)
    given = {"stamp": lambda note: b"stamped:" + note, "check": lambda _token, _note: stamped_at}
    anchor_checkpoint(published.book, published.log_dir, key="anchor:2026-03-03", **given)
    found = standing(published, hours=48)
    assert (found.anchored, found.anchor_seconds, found.anchor_is_late) == (1, 8 * 3600, False)


def test_a_clock_that_went_backwards_gives_no_age_below_zero(published: PublishedBook, clock: FixedClock) -> None:
    published.publish()
    published.post(1)
    clock.instant -= timedelta(days=1)
    found = standing(published)
    assert (found.pending_seconds, found.checkpoint_seconds, found.anchor_seconds) == (0, 0, 0)


def test_a_checkpoint_that_was_altered_gives_no_figures(published: PublishedBook) -> None:
    published.publish()
    file = published.log_dir / "checkpoint"
    file.write_bytes(file.read_bytes().replace(b"\n1\n", b"\n3\n", 1))
    with pytest.raises(Refusal, match="signature-invalid"):
        standing(published)


def test_what_is_signed_and_waits_for_its_witnesses_is_not_witnessed(
    engine: sa.Engine, tmp_path: Path, clock: FixedClock
) -> None:
    published = published_book(engine, tmp_path / "data", clock, quorum=two_of_three(tmp_path / "witnesses"))
    published.post(1)
    published.publish()
    found = standing(published, minutes=11)
    assert (found.signed, found.witnessed, found.pending, found.is_late) == (3, 0, 3, True)
