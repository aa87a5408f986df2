"""One's own part in the totals of a period, over HTTP and on pages: a file, in the statement, checked when opened."""

import io
from datetime import date

import pikepdf
import pytest

from ledger.audit.totals import enter_totals, publish_totals
from ledger.integrator import integrate
from ledger.log.policy import parse_policy
from ledger.verify.totals import verify_state
from tests.api_kit import Desk, code_of, moved

CLOSED = date(2026, 3, 6)
FILE, PAGE = f"/v1/state/{CLOSED}/me", "/en/totals"


@pytest.fixture
def closed(desk: Desk) -> Desk:
    """The oven's loan is agreed on 7 March; on the 8th the first week is closed."""
    desk.stage.let_pay("amelie", "marie", "fournil")
    desk.stage.pledge("amelie", "oven", 14_000)
    desk.stage.pledge("marie", "oven", 10_000)
    desk.stage.come_to_rest()
    for day in range(3, 9):
        moved(desk.stage, date(2026, 3, day))
    desk.stage.close_period(CLOSED)
    return desk


def publish(desk: Desk) -> None:
    from api.cli.signer import signer_of

    book, settings = desk.wiring.book, desk.wiring.settings
    publish_totals(book, settings.log_folder, size=integrate(book, settings.log_folder))
    signer_of(settings).run_round()


def page(desk: Desk, who: str, path: str = PAGE) -> tuple[int, str]:
    answer = desk.client.get(path, headers={"Cookie": f"bxl_session={desk.token(who)}", "Accept": "text/html"})
    return answer.status_code, answer.text


def attached(desk: Desk, who: str) -> dict[str, bytes]:
    pdf = desk.get("/v1/portfolio/statements/2026.pdf", who=who).content
    with pikepdf.open(io.BytesIO(pdf)) as document:
        return {name: spec.get_file().read_bytes() for name, spec in document.attachments.items()}


def test_a_holder_gets_her_paths_and_sees_that_they_hold(closed: Desk) -> None:
    assert code_of(closed.get("/v1/state/2026-03-07/me", who="amelie")) == "period-not-closed"
    assert code_of(closed.get(FILE, who="amelie")) == "totals-not-entered"
    assert "No period has been closed yet" in page(closed, "amelie")[1]
    assert enter_totals(closed.wiring.book) == 1
    assert "not under a signature yet" in page(closed, "amelie")[1]
    assert attached(closed, "amelie") == {}
    publish(closed)
    status, text = page(closed, "amelie")
    assert (status, "Checked: all your balances of" in text) == (200, True), text
    settings = closed.wiring.settings
    policy = parse_policy((settings.log_folder / "policy").read_bytes())
    mine = closed.get(FILE, who="amelie").content
    assert verify_state(settings.log_folder, str(CLOSED), policy, mine=mine).exit_code == 0
    assert page(closed, "amelie", f"/en/totals/{CLOSED}") == (200, mine.decode())
    assert attached(closed, "amelie") == {"totals.jsonl": mine}
    assert (
        verify_state(settings.log_folder, str(CLOSED), policy, mine=closed.get(FILE, who="marie").content).exit_code
        == 0
    )


def test_nobody_gets_the_paths_of_others(closed: Desk) -> None:
    enter_totals(closed.wiring.book)
    assert code_of(closed.get(FILE)) == "log-in-needed"
    assert code_of(closed.get(FILE, who="sofia")) == "account-not-in-totals"
    assert page(closed, "sofia", f"/en/totals/{CLOSED}")[0] == 404
    assert "No period has been closed yet" in page(closed, "sofia")[1]
    amelie, marie = (closed.stage.parties[who] for who in ("amelie", "marie"))
    mine = closed.get(FILE, who="amelie").text
    assert amelie in mine
    assert marie not in mine


def test_a_published_total_that_differs_is_an_alarm(closed: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    enter_totals(closed.wiring.book)
    publish(closed)
    file = closed.wiring.settings.log_folder / "state" / f"{CLOSED}.json"
    file.write_bytes(file.read_bytes().replace(b'"sum":2400000', b'"sum":1400000'))
    assert "Alarm: your balances" in page(closed, "amelie")[1]
    assert attached(closed, "amelie").keys() == {"totals.jsonl"}
    assert "balance-not-in-totals" in capsys.readouterr().out
