"""Who is at the door: four roles and the session that a one-time link opens."""

from dataclasses import dataclass
from datetime import datetime

from contracts.parties.model import Role as Role


@dataclass(frozen=True, slots=True)
class Session:
    """An open log-in: the party behind it (c…, e… or s… token), its role, name and language."""

    party_id: str
    role: Role
    name: str
    language: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A session just opened with the `token` that proves it; the token is shown once and only its hash is kept."""

    token: str
    session: Session
