"""Every night the published checkpoint is shown to the timestamp authority; one that is down is asked again."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import structlog

from api.settings import Settings, read_settings
from api.worker.anchoring import DailyAnchor
from ledger.anchors import newest_anchor
from ledger.clock import FixedClock
from tests.conftest import MakeEngine
from tests.oracle import check_everything
from tests.proof import PublishedBook, published_book
from tests.timestamp_authority import Authority, make_authority, serving

NIGHT = datetime(2026, 3, 3, 2, 0, tzinfo=UTC)  # three in the morning in Brussels


@pytest.fixture
def published(make_engine: MakeEngine, tmp_path: Path, clock: FixedClock) -> PublishedBook:
    published = published_book(make_engine("sqlite"), tmp_path / "data", clock)
    published.post(2)
    published.publish()
    return published


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return make_authority(tmp_path / "authority")


def settings_with(folder: Path, **more: str) -> Settings:
    return read_settings({"BXL_DATA": str(folder), **more})


def step_of(published: PublishedBook, settings: Settings) -> DailyAnchor:
    return DailyAnchor(SimpleNamespace(book=published.book, settings=settings))


def newest(published: PublishedBook) -> tuple[str, int]:
    with published.book.read() as connection:
        found = newest_anchor(connection, "main")
    return found.key, found.size


def test_a_day_has_one_anchor_from_three_in_the_morning_on(
    published: PublishedBook, authority: Authority, clock: FixedClock
) -> None:
    with serving(lambda query: (200, authority.reply(query))) as url:
        settings = settings_with(published.folder, BXL_TSA_URL=url, BXL_TSA_CERTIFICATE=str(authority.root))
        step = step_of(published, settings)
        clock.instant = NIGHT - timedelta(seconds=1)
        assert step() == 0
        clock.instant = NIGHT
        assert (step(), step()) == (1, 0)
        assert newest(published) == ("anchor:2026-03-03", 4)
        published.publish()
        assert step() == 0
        clock.instant += timedelta(days=1)
        assert (step(), step()) == (1, 0)
    assert newest(published) == ("anchor:2026-03-04", 5)
    check_everything(published.book)


def test_where_no_authority_is_set_up_nothing_is_anchored(published: PublishedBook, clock: FixedClock) -> None:
    clock.instant = NIGHT
    with structlog.testing.capture_logs() as logged:
        assert step_of(published, settings_with(published.folder))() == 0
    assert logged == []


def test_an_authority_that_is_down_is_asked_again_and_after_two_days_there_is_an_alarm(
    published: PublishedBook, authority: Authority, clock: FixedClock
) -> None:
    answer = [(503, b"busy")]
    with serving(lambda query: answer[0] if answer else (200, authority.reply(query))) as url:
        settings = settings_with(published.folder, BXL_TSA_URL=url, BXL_TSA_CERTIFICATE=str(authority.root))
        step = step_of(published, settings)
        clock.instant = NIGHT
        with structlog.testing.capture_logs() as logged:
            assert (step(), step()) == (0, 0)
            clock.instant += timedelta(days=2)
            assert step() == 0
        said = [(line["event"], line["log_level"]) for line in logged]
        assert said == [("anchor-failed", "warning")] * 3 + [("anchor-overdue", "error")]
        assert logged[0]["code"] == "timestamp-unavailable"
        answer.clear()
        assert step() == 1
    assert newest(published) == ("anchor:2026-03-05", 4)
