"""Writing mail and sending it: written in the unit of work of its cause, delivered afterwards and at least once.

A mail has a key, so that its cause may be handled twice and the mail is still written once. Its text is fixed when it is
written and sealed under the recipient's key.
"""

from collections.abc import Mapping

from ledger.book import UnitOfWork
from ledger.errors import Fact


def write_mail(
    uow: UnitOfWork, *, template: str, to: str, key: str, facts: Mapping[str, Fact], language: str | None = None
) -> None:
    """Write the mail `template` to the party `to`, in `language` or else the party's own; once per `key`."""
