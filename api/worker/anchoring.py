"""Once a day the published checkpoint is shown to the timestamp authority; see `ledger.anchors`.

An authority that does not answer, or answers wrongly, is asked again a minute later. That is logged; when the newest
anchor is more than 48 hours old it is an alarm.
"""

from datetime import date

import structlog

from api.bootstrap import Wiring
from api.timestamps import authority_of
from api.worker.nightly import NIGHT_HOUR
from ledger.anchors import anchor_checkpoint, daily_key, newest_anchor
from ledger.clock import BRUSSELS
from ledger.errors import Refusal
from ledger.standing import log_standing

logger = structlog.get_logger("bxl.anchor")


class DailyAnchor:
    """A step of the worker: anchors once a day, from three in the morning on, where an authority is set up."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring

    def __call__(self) -> int:
        """1 when an anchor was entered."""
        book = self._wiring.book
        local = book.clock.now().astimezone(BRUSSELS)
        if self._wiring.settings.tsa_url is None or local.hour < NIGHT_HOUR or self._stands(local.date()):
            return 0
        try:
            return self._anchor(local.date())
        except Refusal as refusal:
            logger.warning("anchor-failed", code=refusal.code, **refusal.facts)
            self._alarm()
            return 0

    def _anchor(self, day: date) -> int:
        authority, folder = authority_of(self._wiring.settings), self._wiring.settings.log_folder
        anchored = anchor_checkpoint(
            self._wiring.book, folder, stamp=authority.stamp, check=authority.check, key=daily_key(day)
        )
        return int(anchored is not None)

    def _stands(self, day: date) -> bool:
        with self._wiring.book.read() as connection:
            newest = newest_anchor(connection, self._wiring.book.book_id)
        return newest is not None and newest.key >= daily_key(day)

    def _alarm(self) -> None:
        book = self._wiring.book
        standing = log_standing(book, self._wiring.settings.log_folder, now=book.clock.now())
        if standing.anchor_is_late:
            logger.error("anchor-overdue", size=standing.anchored, seconds=standing.anchor_seconds)
