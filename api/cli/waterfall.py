"""Writing a waterfall as JSON and as text: every recovery of a lost loan, component by component, lender by lender."""

from collections.abc import Iterator

from api.cli.amounts import euro
from contracts.loans.waterfall import RecoveryFall, Waterfall


def waterfall_json(found: Waterfall) -> dict[str, object]:
    """It as JSON; amounts in cents, lenders by number."""
    return {
        "loan": found.loan_id,
        "cancelled_interest_cents": found.cancelled_interest_cents,
        "recoveries": [_fall_json(fall) for fall in found.recoveries],
    }


def waterfall_lines(found: Waterfall) -> Iterator[str]:
    """It as text, one recovery after the other; amounts in euro."""
    yield f"{found.loan_id}: {found.title}"
    yield f"Interest that was called and cancelled with the loss: {euro(found.cancelled_interest_cents)}"
    if not found.recoveries:
        yield "Nothing has come after a loss."
    for fall in found.recoveries:
        yield from _fall_lines(fall)


def _fall_lines(fall: RecoveryFall) -> Iterator[str]:
    state = "shared out" if fall.is_shared_out else "not shared out yet"
    yield ""
    yield f"Recovery {fall.n}, received on {fall.received_on}: {euro(fall.received_cents)}, {state}"
    yield f"  {'':<16}{'owed':>14}{'paid':>14}{'left':>14}"
    for line in fall.components:
        yield f"  {line.component.value:<16}" + _cells(line.owed_cents, line.paid_cents, line.left_cents)
    if fall.sent_back_cents:
        yield f"  {'sent back':<16}{'':>14}{euro(fall.sent_back_cents):>14}"
    yield f"  {'':<16}{'lost before':>14}{'part':>14}{'lost after':>14}"
    for part in fall.parts:
        yield f"  {f'lender {part.number}':<16}" + _cells(
            part.lost_before_cents, part.part_cents, part.lost_after_cents
        )


def _cells(*cents: int) -> str:
    return "".join(f"{euro(each):>14}" for each in cents)


def _fall_json(fall: RecoveryFall) -> dict[str, object]:
    return {
        "n": fall.n,
        "received_on": fall.received_on.isoformat(),
        "received_cents": fall.received_cents,
        "components": [
            {
                "component": line.component.value,
                "owed_cents": line.owed_cents,
                "paid_cents": line.paid_cents,
                "left_cents": line.left_cents,
            }
            for line in fall.components
        ],
        "sent_back_cents": fall.sent_back_cents,
        "shared_cents": fall.shared_cents,
        "shared_out": fall.is_shared_out,
        "parts": [
            {
                "lender": part.number,
                "lost_before_cents": part.lost_before_cents,
                "part_cents": part.part_cents,
                "lost_after_cents": part.lost_after_cents,
                "posted_cents": part.posted_cents,
                "entry": part.entry_key,
            }
            for part in fall.parts
        ],
    }
