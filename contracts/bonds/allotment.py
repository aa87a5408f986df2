"""Who gets how many units where more were asked for than there are; pure and exact.

Every rule shares between holders, and only then between one holder's bids, so that splitting a bid gains nothing. The
order in which bids are given changes nothing: `place`, the order in which they were made, is a field of each.

| rule | what a holder gets |
|---|---|
| first-come | bids in order of place, in full, until the issue is taken; a bid gets its own units |
| pro-rata | her share of the issue by what she asked for, by largest remainder; ties go to the earlier holder |
| small-first | up to the same number as everybody, so that the small are served in full; ones left go to the earlier |
| lottery | all she asked for, in the order that the seed draws, until the issue is taken |

A draw hashes the seed with each holder's token (SHA-256) and orders by the hash, so that whoever has the published seed
and the tokens draws again. The seed's own hash is in the terms before anybody subscribes.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from contracts.bonds.model import AllotmentRule
from ledger.errors import InvariantError, Refusal
from ledger.money import allocate


@dataclass(frozen=True, slots=True, kw_only=True)
class Bid:
    """What one firm pledge asks for; `place` is its number in the order of pledges, no two alike."""

    pledge_id: str
    holder: str
    units: int
    place: int


def allot(rule: AllotmentRule, units: int, bids: Iterable[Bid], *, seed: str = "") -> dict[str, int]:
    """Units by pledge: all that is asked for, or exactly `units` where that is more. Refuses `lottery-seed-missing`.

    >>> wanted = [("p1", "c1", 60, 1), ("p2", "c2", 30, 2)]
    >>> bids = [Bid(pledge_id=p, holder=c, units=units, place=n) for p, c, units, n in wanted]
    >>> allot(AllotmentRule.PRO_RATA, 45, bids), allot(AllotmentRule.SMALL_FIRST, 45, bids)
    ({'p1': 30, 'p2': 15}, {'p1': 23, 'p2': 22})
    """
    ordered = sorted(bids, key=lambda bid: bid.place)
    if sum(bid.units for bid in ordered) <= units:
        return {bid.pledge_id: bid.units for bid in ordered}
    asked = _by_holder(ordered)
    match rule:
        case AllotmentRule.FIRST_COME:
            found = _filled(units, {bid.pledge_id: bid.units for bid in ordered})
        case AllotmentRule.PRO_RATA:
            found = _spread(ordered, dict(zip(asked, allocate(units, list(asked.values())), strict=True)))
        case AllotmentRule.SMALL_FIRST:
            found = _spread(ordered, _levelled(units, asked))
        case AllotmentRule.LOTTERY:
            drawn = {holder: asked[holder] for holder in draw_order(asked, seed)}
            found = _spread(ordered, _filled(units, drawn))
        case _:
            assert_never(rule)
    if sum(found.values()) != units or any(not 0 <= found[bid.pledge_id] <= bid.units for bid in ordered):
        raise InvariantError("an allotment differs from its issue")
    return found


def draw_order(holders: Iterable[str], seed: str) -> list[str]:
    """The holders in the order that the seed draws; refuses `lottery-seed-missing`."""
    if not seed:
        raise Refusal("lottery-seed-missing")
    return sorted(holders, key=lambda holder: hashlib.sha256(f"{seed}\n{holder}".encode()).digest())


def drawn_units(units: int, held: Mapping[str, int], seed: str) -> dict[str, int]:
    """Units by holder where lots of one unit are drawn among all units held, as a partial call draws them.

    A lot is a holder's token and the number of a unit among hers, so that each unit is as likely to be drawn.
    """
    lots = draw_order((f"{holder}\n{n}" for holder, count in held.items() for n in range(count)), seed)
    found = dict.fromkeys(held, 0)
    for lot in lots[:units]:
        found[lot.partition("\n")[0]] += 1
    return found


def _by_holder(ordered: Sequence[Bid]) -> dict[str, int]:
    """What each asks for in all, the earliest first."""
    asked: dict[str, int] = {}
    for bid in ordered:
        asked[bid.holder] = asked.get(bid.holder, 0) + bid.units
    return asked


def _filled(units: int, asked: Mapping[str, int]) -> dict[str, int]:
    """Each in order gets what she asks for, until nothing is left."""
    found = {}
    for name, count in asked.items():
        found[name] = min(count, units)
        units -= found[name]
    return found


def _levelled(units: int, asked: Mapping[str, int]) -> dict[str, int]:
    """Everybody gets up to the same number; the ones that are left go to the earlier of those who asked for more."""
    level, left, waiting = 0, units, len(asked)
    for count in sorted(asked.values()):
        step = min(count - level, left // waiting)
        level, left = level + step, left - step * waiting
        if level < count:
            break
        waiting -= 1
    found = {}
    for holder, count in asked.items():
        extra = int(count > level and left > 0)
        found[holder], left = min(count, level) + extra, left - extra
    return found


def _spread(ordered: Sequence[Bid], by_holder: Mapping[str, int]) -> dict[str, int]:
    """What each holder gets, over her bids in their order."""
    left, found = dict(by_holder), {}
    for bid in ordered:
        found[bid.pledge_id] = min(bid.units, left[bid.holder])
        left[bid.holder] -= found[bid.pledge_id]
    return found
