"""Logs whose hashes and signatures are right and whose lines are wrong in one respect: what every verifier must find.

A forgery is the refusal's code, the check that finds it, and what is done to a handmade log on which 550100 and
489100:c1 are open.
"""

import json
from collections.abc import Callable

from ledger.log.encoding import b64, from_b64
from ledger.log.leaf import canonical_json, lines_root
from ledger.verify.entry import commitment
from tests.proof import HandmadeLog, posted

BALANCED = (("550100", 100), ("489100:c1", -100))


def chained(log: HandmadeLog, **second: object) -> None:
    """Two postings of a person's account, the second with these chain members."""
    n = log.add("posting/1", posted("550100", 100), posted("489100:c1", -100, v=1))
    members = {"v": 2, "prev": log.commitment(n, 2)} | second
    members = {name: value for name, value in members.items() if value is not None}
    log.add("posting/1", posted("550100", 100), posted("489100:c1", -100, **members))


def reversed_twice(log: HandmadeLog) -> None:
    first = log.post(*BALANCED)
    for _ in range(2):
        log.post(("550100", -100), ("489100:c1", 100), reverses=first)


def reversal_of_reversal(log: HandmadeLog) -> None:
    first = log.post(*BALANCED)
    second = log.post(("550100", -100), ("489100:c1", 100), reverses=first)
    log.post(*BALANCED, reverses=second)


def fact_key_twice(log: HandmadeLog) -> None:
    log.post(*BALANCED, key="same")
    log.post(*BALANCED, key="same")


def back_in_time(log: HandmadeLog) -> None:
    log.post(*BALANCED, at="2026-03-02T11:05:00.000001Z")
    log.post(*BALANCED, at="2026-03-02T11:05:00.000000Z")


def other_nonce(log: HandmadeLog) -> None:
    log.post(*BALANCED)
    log.records[-1]["lines"][1]["nonce"] = b64(bytes(32))


def one_line_less(log: HandmadeLog) -> None:
    log.post(*BALANCED)
    log.records[-1]["lines"].pop()


def short_nonce(log: HandmadeLog) -> None:
    log.post(*BALANCED)
    log.records[-1]["lines"][1]["nonce"] = b64(bytes(31))


def wrong_order(log: HandmadeLog) -> None:
    log.post(*BALANCED)
    log.records[-1]["n"] = 1


def extra_genesis_line(log: HandmadeLog) -> None:
    log.records[0]["lines"] = [{"line": {}, "nonce": b64(bytes(32))}]


def other_minute(log: HandmadeLog) -> None:
    log.post(*BALANCED)
    opened = log.records[-1]["lines"]
    opened[0]["line"]["at"] = "2026-03-02T11:01:00.000000Z"

    root = lines_root([commitment(from_b64(o["nonce"]), o["line"]) for o in opened])
    public = json.loads(log.entries[-1])
    public["l"]["root"] = b64(root)
    log.entries[-1] = canonical_json(public)


def held(log: HandmadeLog, **header: object) -> int:
    """A hold of one euro that leaves the bank."""
    return log.hold(("550100", -100), ("489100:c1", 100), **header)


def settled(log: HandmadeLog, hold: int, amount: int = 100, **header: object) -> int:
    return log.post(("550100", -amount), ("489100:c1", amount), hold=hold, **header)


def released(log: HandmadeLog, hold: int, step: str = "void", **header: object) -> int:
    return log.add("release/1", hold=hold, step=step, **header)


def ruled(log: HandmadeLog, account: str = "550100", version: int = 2, **members: object) -> int:
    return log.add("rules/1", {"account": account, "asset": "EUR", "version": version, **members})


def closed(log: HandmadeLog, until: str = "2026-02-28", **header: object) -> int:
    return log.add("period/1", until=until, **header)


def settled_after_its_end(log: HandmadeLog) -> None:
    hold = held(log)
    settled(log, hold, 40, rest="released")
    settled(log, hold, 10)


def settled_in_full_and_released(log: HandmadeLog) -> None:
    hold = held(log)
    settled(log, hold)
    released(log, hold)


def settled_after_it_expired(log: HandmadeLog) -> None:
    settled(log, held(log, expires="2026-03-02T11:00:01.000000Z"), at="2026-03-02T11:00:01.000000Z")


def expired_too_early(log: HandmadeLog) -> None:
    hold = held(log, expires="2026-03-02T11:00:01.000000Z")
    released(log, hold, "expired", at="2026-03-02T11:00:00.999999Z")


def held_twice_over(log: HandmadeLog) -> None:
    """Each fits the floor alone."""
    log.open_accounts("550300", minimum=0)
    log.post(("550300", 150), ("489100:c1", -150))
    for _ in range(2):
        log.hold(("550300", -100), ("489100:c1", 100))


def held_against_a_ceiling(log: HandmadeLog) -> None:
    log.open_accounts("550300", maximum=150)
    log.hold(("550300", 100), ("489100:c1", -100))
    log.post(("550300", 51), ("489100:c1", -51))


def spent_what_was_held(log: HandmadeLog) -> None:
    log.open_accounts("550300", minimum=0)
    log.post(("550300", 150), ("489100:c1", -150))
    log.hold(("550300", -100), ("489100:c1", 100))
    log.post(("550300", -51), ("489100:c1", 51))


def posted_to_what_was_closed(log: HandmadeLog) -> None:
    log.open_accounts("550300")
    ruled(log, "550300", closed=True)
    log.post(("550300", 5), ("550300", -5), ("550100", 1), ("489100:c1", -1))


def held_on_what_was_closed(log: HandmadeLog) -> None:
    log.open_accounts("550300")
    ruled(log, "550300", closed=True)
    log.hold(("550300", 5), ("550100", -5))


def closed_with_a_balance(log: HandmadeLog) -> None:
    log.post(*BALANCED)
    ruled(log, closed=True)


def closed_with_a_hold(log: HandmadeLog) -> None:
    held(log)
    ruled(log, closed=True)


def limits_that_exclude_the_balance(log: HandmadeLog) -> None:
    log.post(*BALANCED)
    ruled(log, maximum=99)


def closed_twice(log: HandmadeLog) -> None:
    closed(log)
    closed(log, "2026-03-01", since="2026-03-02")


def dated_in_a_closed_period(log: HandmadeLog) -> None:
    closed(log)
    log.post(*BALANCED, on="2026-02-28")


def restating_the_wrong_period(log: HandmadeLog) -> None:
    closed(log, "2026-01-31")
    closed(log, since="2026-02-01")
    log.post(*BALANCED, on="2026-01-31", restates="2026-02-28")


FIT, LIMIT = "hold-step-does-not-fit", "limit-breached"
NEWER_FORGERIES: dict[str, tuple[str, str, Callable[[HandmadeLog], object]]] = {
    "settling no hold": (FIT, "holds", lambda log: settled(log, 1)),
    "settling more than is held": (FIT, "holds", lambda log: settled(log, held(log), 101)),
    "settling the other side": (FIT, "holds", lambda log: log.post(*BALANCED, hold=held(log))),
    "settling after the rest was freed": (FIT, "holds", settled_after_its_end),
    "settling after the instant of expiry": (FIT, "holds", settled_after_it_expired),
    "releasing what was settled in full": (FIT, "holds", settled_in_full_and_released),
    "expired before its instant": (FIT, "holds", expired_too_early),
    "expired without an instant": (FIT, "holds", lambda log: released(log, held(log), "expired")),
    "expires before it begins": (FIT, "holds", lambda log: held(log, expires="2026-03-02T11:00:00.000000Z")),
    "unbalanced hold": (
        "posted-entry-unbalanced",
        "balanced entries",
        lambda log: log.hold(("550100", -100), ("489100:c1", 99)),
    ),
    "hold of nothing": ("posted-entry-too-small", "balanced entries", lambda log: log.hold()),
    "hold on no account": ("account-not-opened", "postings", lambda log: log.hold(("550900", 1), ("550100", -1))),
    "held twice over": (LIMIT, "limits", held_twice_over),
    "held against a ceiling": (LIMIT, "limits", held_against_a_ceiling),
    "spent what was held": (LIMIT, "limits", spent_what_was_held),
    "limits that exclude the balance": (LIMIT, "limits", limits_that_exclude_the_balance),
    "limits of no account": ("account-not-opened", "postings", lambda log: ruled(log, "550900")),
    "limits of a later version": ("limits-out-of-order", "limits", lambda log: ruled(log, version=3)),
    "posted to what was closed": ("account-was-closed", "postings", posted_to_what_was_closed),
    "held on what was closed": ("account-was-closed", "postings", held_on_what_was_closed),
    "closed with a balance": ("closed-account-not-empty", "limits", closed_with_a_balance),
    "closed with a hold": ("closed-account-not-empty", "limits", closed_with_a_hold),
    "first period with a beginning": (
        "period-out-of-order",
        "periods",
        lambda log: closed(log, since="2026-02-01"),
    ),
    "a gap between periods": ("period-out-of-order", "periods", closed_twice),
    "a period closed again": ("period-out-of-order", "periods", lambda log: (closed(log), closed(log))),
    "late in silence": ("lateness-differs", "periods", dated_in_a_closed_period),
    "late without a period": (
        "lateness-differs",
        "periods",
        lambda log: log.post(*BALANCED, restates="2026-03-31"),
    ),
    "late for another period": ("lateness-differs", "periods", restating_the_wrong_period),
    "held in a closed period": (
        "lateness-differs",
        "periods",
        lambda log: (closed(log, "2026-03-02"), held(log)),
    ),
    "note about itself": ("note-about-nothing", "notes", lambda log: log.add("note/1", about=2, text="x")),
    "note about the opening of accounts": (
        "note-about-nothing",
        "notes",
        lambda log: log.add("note/1", about=1, text="x"),
    ),
    "fact key of a note used again": (
        "fact-key-repeated",
        "fact keys",
        lambda log: (log.post(*BALANCED, key="k"), closed(log, key="k")),
    ),
    "reversal of a hold": (
        "reversal-does-not-fit",
        "reversals",
        lambda log: log.post(*BALANCED, reverses=held(log)),
    ),
}
"""What can be wrong with holds, limits, periods and notes."""

MALFORMED: dict[str, Callable[[HandmadeLog], object]] = {
    "note with a line": lambda log: log.add("note/1", {"x": 1}, about=1, text="x"),
    "note without text": lambda log: log.add("note/1", about=1),
    "note with an empty text": lambda log: log.add("note/1", about=1, text=""),
    "release of an unknown kind": lambda log: released(log, held(log), "lost"),
    "release with approvals": lambda log: released(log, held(log), approvals=["a1"]),
    "hold that reverses": lambda log: held(log, reverses=1),
    "hold in a chain": lambda log: log.add("hold/1", posted("550100", -1), posted("489100:c1", 1, v=1)),
    "expiry that is no instant": lambda log: held(log, expires="2026-03-03"),
    "settling and reversing": lambda log: settled(log, 1, reverses=1),
    "rest without a hold": lambda log: log.post(*BALANCED, rest="released"),
    "rest of another word": lambda log: settled(log, held(log), rest="kept"),
    "metadata that is empty": lambda log: log.post(*BALANCED, meta={}),
    "metadata of numbers": lambda log: log.post(*BALANCED, meta={"a": 1}),
    "metadata with a capital": lambda log: log.post(*BALANCED, meta={"A": "x"}),
    "approvals that are none": lambda log: log.post(*BALANCED, approvals=[]),
    "approvals of numbers": lambda log: log.post(*BALANCED, approvals=[1]),
    "limits of version one": lambda log: ruled(log, version=1),
    "limits without a line": lambda log: log.add("rules/1"),
    "limits of two accounts": lambda log: log.add(
        "rules/1", *({"account": a, "asset": "EUR", "version": 2} for a in ("550100", "489100:c1"))
    ),
    "minimum above maximum": lambda log: ruled(log, minimum=2, maximum=1),
    "closed that is false": lambda log: ruled(log, closed=False),
    "period without an end": lambda log: log.add("period/1"),
    "period that ends on no day": lambda log: closed(log, "2026-02-29"),
    "accounts without a line": lambda log: log.add("accounts/1"),
    "state without a finding": lambda log: log.add("state/1"),
    "verdict with approvals": lambda log: log.add("verdict/1", {"x": 1}, approvals=["a1"]),
    "asset of ten decimals": lambda log: log.add("accounts/1", {"asset": "X", "scale": 10}),
    "actor with a capital": lambda log: log.post(*BALANCED, actor="S1"),
    "key of 201 characters": lambda log: log.post(*BALANCED, key="k" * 201),
}
"""What no line of its type may be."""

ANCHOR_LINE = {
    "kind": "rfc3161", "root": b64(bytes(32)), "sha256": "00" * 32, "size": 1, "time": "2026-03-02T11:00:00.000000Z"
}  # fmt: skip


def anchored(log: HandmadeLog, **other: object) -> None:
    """An anchor whose line has these members instead."""
    log.add("anchor/1", {name: value for name, value in (ANCHOR_LINE | other).items() if value is not None})


MALFORMED |= {
    "anchor of another kind": lambda log: anchored(log, kind="rfc9999"),
    "anchor without a root": lambda log: anchored(log, root=None),
    "anchor of a short root": lambda log: anchored(log, root=b64(bytes(31))),
    "anchor of a token without a hash": lambda log: anchored(log, sha256="00"),
    "anchor of no entries": lambda log: anchored(log, size=0),
    "anchor of a day": lambda log: anchored(log, time="2026-03-02"),
    "anchor with a stranger": lambda log: anchored(log, x=1),
}
NEWER_FORGERIES |= {
    "anchor of a root the log never had": ("anchor-differs-from-log", "anchors", anchored),
    "anchor of a log that is still to come": (
        "anchor-differs-from-log",
        "anchors",
        lambda log: anchored(log, size=len(log.entries) + 1),
    ),
}

FLOOR = {"minimum": -150}
FORGERIES: dict[str, tuple[str, str, Callable[[HandmadeLog], object]]] = {
    "unbalanced": (
        "posted-entry-unbalanced",
        "balanced entries",
        lambda log: log.post(("550100", 100), ("489100:c1", -99)),
    ),
    "one line": ("posted-entry-unbalanced", "balanced entries", lambda log: log.post(("550100", 100))),
    "no line": ("posted-entry-too-small", "balanced entries", lambda log: log.post()),
    "account never opened": ("account-not-opened", "postings", lambda log: log.post(("550100", 5), ("489100:c2", -5))),
    "account opened twice": ("account-opened-wrongly", "accounts and assets", lambda log: log.open_accounts("550100")),
    "account in an unknown asset": (
        "account-opened-wrongly",
        "accounts and assets",
        lambda log: log.add("accounts/1", {"account": "550100", "asset": "LOAN-9"}),
    ),
    "asset opened twice": (
        "asset-opened-twice",
        "accounts and assets",
        lambda log: log.add("accounts/1", {"asset": "EUR", "scale": 2}),
    ),
    "chain with a gap": ("account-chain-broken", "account chains", lambda log: chained(log, v=3)),
    "chain that names another": (
        "account-chain-broken",
        "account chains",
        lambda log: chained(log, prev=b64(bytes(32))),
    ),
    "chain left off": ("account-chain-broken", "account chains", lambda log: chained(log, v=None, prev=None)),
    "floor breached": (
        "limit-breached",
        "limits",
        lambda log: (log.open_accounts("489100:c3", **FLOOR), log.post(("550100", 151), ("489100:c3", -151))),
    ),
    "ceiling breached": (
        "limit-breached",
        "limits",
        lambda log: (log.open_accounts("550200", maximum=10), log.post(("550200", 11), ("489100:c1", -11))),
    ),
    "fact key twice": ("fact-key-repeated", "fact keys", fact_key_twice),
    "reversed twice": ("reversal-does-not-fit", "reversals", reversed_twice),
    "reversal of a reversal": ("reversal-does-not-fit", "reversals", reversal_of_reversal),
    "reversal of nothing": ("reversal-does-not-fit", "reversals", lambda log: log.post(*BALANCED, reverses=99)),
    "reversal of genesis": ("line-malformed", "lines", lambda log: log.post(*BALANCED, reverses=0)),
    "reversal that is no mirror": (
        "reversal-does-not-fit",
        "reversals",
        lambda log: log.post(*BALANCED, reverses=log.post(*BALANCED)),
    ),
    "instant before the last": ("instant-decreases", "instants", back_in_time),
    "instant of another minute": (
        "entry-minute-differs",
        "lines",
        other_minute,
    ),
    "unknown member in a line": (
        "line-malformed",
        "lines",
        lambda log: log.add("posting/1", posted("550100", 5, note="x"), posted("489100:c1", -5)),
    ),
    "both sides": (
        "line-malformed",
        "lines",
        lambda log: log.add("posting/1", {"account": "550100", "asset": "EUR", "debit": 5, "credit": 5}),
    ),
    "nothing on either side": (
        "line-malformed",
        "lines",
        lambda log: log.add("posting/1", {"account": "550100", "asset": "EUR", "debit": 0}),
    ),
    "malformed account": (
        "line-malformed",
        "lines",
        lambda log: log.add("posting/1", posted("5", 5), posted("489100:c1", -5)),
    ),
    "prev without v": (
        "line-malformed",
        "lines",
        lambda log: log.add("posting/1", posted("550100", 5, prev=b64(bytes(32))), posted("489100:c1", -5)),
    ),
    "unknown member in the header": ("line-malformed", "lines", lambda log: log.post(*BALANCED, note="x")),
    "date that is none": ("line-malformed", "lines", lambda log: log.post(*BALANCED, on="2026-02-30")),
    "evidence that is none": ("line-malformed", "lines", lambda log: log.post(*BALANCED, evidence="abc")),
    "account line with a stranger": (
        "line-malformed",
        "lines",
        lambda log: log.add("accounts/1", {"account": "550300", "asset": "EUR", "owner": "x"}),
    ),
    "asset line with a negative scale": (
        "line-malformed",
        "lines",
        lambda log: log.add("accounts/1", {"asset": "LOAN-2", "scale": -1}),
    ),
    "nonce of another line": ("opening-does-not-fit", "openings", other_nonce),
    "a line kept back": ("opening-does-not-fit", "openings", one_line_less),
    "a nonce too short": ("opening-does-not-fit", "openings", short_nonce),
    "records in another order": ("openings-out-of-order", "openings", wrong_order),
    "an opening of genesis": ("opening-does-not-fit", "openings", extra_genesis_line),
}
FORGERIES |= NEWER_FORGERIES | {name: ("line-malformed", "lines", forge) for name, forge in MALFORMED.items()}
