"""Making the demo's book: once, by playing the story; afterwards it is kept and only opened.

While it is being made a file says so. A demo that was interrupted is cleared away as a whole and begun again, since
nobody can have used it: `bxl run` does that before anything else starts.
"""

from collections.abc import Callable
from datetime import timedelta

from api.bootstrap import Wiring, book_stands, create_book, wire_book
from api.demo.files import unfinished_mark
from api.demo.stage import Stage
from api.demo.story import BEGINS_ON, ENDS_ON, acts
from api.demo.witnesses import with_witnesses
from api.settings import Settings
from ledger.audit.totals import enter_totals, publish_totals
from ledger.integrator import integrate
from ledger.storage.dates import move_business_date


def prepare(settings: Settings, *, say: Callable[[str], None]) -> Wiring:
    """Open the book that stands, or make the demo's."""
    if book_stands(settings):
        return wire_book(settings, create_book(settings))
    mark = unfinished_mark(settings)
    mark.touch()
    wiring = wire_book(settings, create_book(with_witnesses(settings), business_date=BEGINS_ON))
    play(Stage(wiring), say=say)
    enter_totals(wiring.book)
    size = integrate(wiring.book, settings.log_folder)
    publish_totals(wiring.book, settings.log_folder, size=size)
    mark.unlink()
    return wiring


def play(stage: Stage, *, say: Callable[[str], None]) -> None:
    """Live through the story, each day to its end before the next begins."""
    sandbox, book, plan = stage.wiring.sandbox, stage.wiring.book, acts()
    assert sandbox is not None, "the demo pays through the sandbox"
    sandbox.drop_webhooks()  # nobody listens yet; what webhooks lose, the sweep finds
    say("Making the demo's book: half a year in the life of six offers.")
    day = BEGINS_ON
    while True:
        if day.day == 1:
            say(f"  {day:%B %Y}")
        sandbox.set_date(day)
        stage.come_to_rest()
        for act in plan.get(day, []):
            act(stage)
        if day in plan:
            stage.come_to_rest()
        if day == ENDS_ON:
            break
        day += timedelta(days=1)
        with book.unit_of_work(actor="system:calendar") as uow:
            move_business_date(uow, day)
    sandbox.drop_webhooks(dropped=False)
