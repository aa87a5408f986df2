"""Acknowledging an entry to its holder: read its leaf hash, promise it, sign. Nothing is stored.

A promise follows from the entry alone (its instant of booking and a day), so whoever asks again gets the same bytes.
"""

from pathlib import Path

import sqlalchemy as sa

from ledger.book import Book
from ledger.errors import Refusal
from ledger.log.acknowledgement import PROMISE, Acknowledgement, sign_acknowledgement
from ledger.log.files import write_new
from ledger.log.keys import acknowledgement_key
from ledger.log.policy import parse_policy
from ledger.log.tiles import ACKNOWLEDGEMENT_KEY, POLICY
from ledger.storage.tables import entry


def acknowledge(book: Book, log_dir: Path, keys_dir: Path, n: int, *, passphrase: bytes | None) -> bytes:
    """The signed acknowledgement of entry `n`, which stands.

    Where the policy is older than acknowledgements and names no key for them, one is made and its public side is
    published beside the policy. Refuses `log-not-published` where the book has no policy here, and what
    `acknowledgement_key` refuses.
    """
    try:
        policy = parse_policy((log_dir / POLICY).read_bytes())
    except FileNotFoundError as error:
        raise Refusal("log-not-published", folder=str(log_dir)) from error
    key = acknowledgement_key(keys_dir, policy, passphrase=passphrase)
    if policy.acknowledgement_key is None:
        write_new(log_dir / ACKNOWLEDGEMENT_KEY, f"{key.verifier().vkey()}\n".encode())
    with book.read() as connection:
        found = connection.execute(
            sa.select(entry.c.leaf, entry.c.booked_at).where(entry.c.book_id == book.book_id, entry.c.n == n)
        ).one()
    promise = Acknowledgement(policy.origin, n, found.leaf, found.booked_at + PROMISE)
    return sign_acknowledgement(promise, key)
