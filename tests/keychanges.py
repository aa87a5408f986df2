"""A book whose log changes its keys: requests, approvals and publication in one call each."""

from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from ledger import approvals
from ledger.announcing import (
    announce_policy,
    publish_policies,
    request_new_origin,
    request_policy,
    request_rotation,
)
from ledger.book import UnitOfWork
from ledger.clock import FixedClock
from ledger.integrator import copy_checkpoint, integrate
from ledger.log.checkpoint import Checkpoint
from ledger.log.keys import make_later_keys
from ledger.log.policy import Policy, parse_policy
from ledger.log.quorum import NO_QUORUM, Quorum
from ledger.signer import Signer
from ledger.signing import KeysInForce
from tests.proof import PublishedBook, published_book

NEXT_ORIGIN = "ledger.bxl-invest.example/2/main"
Request = Callable[[UnitOfWork], str]


def changing_book(engine: sa.Engine, folder: Path, clock: FixedClock, *, quorum: Quorum = NO_QUORUM) -> PublishedBook:
    """A book whose signer follows the policies that its log announces."""
    book = published_book(engine, folder, clock, quorum=quorum)
    book.signer = following_signer(folder, clock)
    return book


def following_signer(folder: Path, clock: FixedClock) -> Signer:
    keys = KeysInForce(folder / "log", folder / "keys", passphrase=None)
    return Signer(folder / "log", folder / "signer" / "state.json", keys, clock)


def policy_of(book: PublishedBook) -> Policy:
    return parse_policy((book.log_dir / "policy").read_bytes())


def publish(book: PublishedBook) -> Checkpoint:
    integrate(book.book, book.log_dir)
    publish_policies(book.book, book.log_dir)
    checkpoint = book.signer.run_round()
    assert checkpoint is not None
    copy_checkpoint(book.book, book.log_dir, now=book.book.clock.now())
    return checkpoint


def rotation(book: PublishedBook, *, origin: str | None = None) -> Request:
    keys = make_later_keys(book.folder / "keys", origin or policy_of(book).origin, passphrase=None)
    return lambda unit: request_rotation(unit, book.log_dir, keys, reason="yearly")


def compromise(book: PublishedBook) -> Request:
    keys = make_later_keys(book.folder / "keys", NEXT_ORIGIN, passphrase=None)
    return lambda unit: request_new_origin(unit, book.log_dir, keys, reason="the key was stolen")


def policy_change(book: PublishedBook, text: bytes) -> Request:
    return lambda unit: request_policy(unit, book.log_dir, text, reason="other witnesses")


def ask(book: PublishedBook, request: Request) -> str:
    with book.book.unit_of_work(actor="s1") as unit:
        return request(unit)


def announce(book: PublishedBook, approval_id: str) -> str:
    with book.book.unit_of_work(actor="s2") as unit:
        asked = approvals.find(unit.connection, unit.book_id, approval_id)
        if asked is not None and asked.approver is None:
            approvals.approve(unit, approval_id)
        return announce_policy(unit, book.log_dir, approval_id=approval_id)


def change(book: PublishedBook, request: Request) -> Policy:
    """Ask, approve, announce and publish; the policy that is installed then."""
    announce(book, ask(book, request))
    publish(book)
    return policy_of(book)
