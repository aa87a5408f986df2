"""Ready log-ins for whoever tries the demo: one link each, good for a quarter of an hour, also in the mailbox."""

from api.bootstrap import Wiring
from api.identity.service import LINK_LIFETIME, make_login_link, token_hash
from api.mail.service import write_mail
from contracts.parties import queries as parties
from ledger.errors import Fact

READY = (
    ("citizen", "amelie@citizen.example"),
    ("entrepreneur", "mehdi@velocanal.example"),
    ("auditor", "sofia@audit.example"),
    ("operator", "nadia@operator.example"),
    ("second operator", "pieter@operator.example"),
)


def ready(wiring: Wiring) -> list[dict[str, str]]:
    """Role, name and link of each; a book that is not the demo's has none of them."""
    found = [_log_in(wiring, role, email) for role, email in READY]
    return [log_in for log_in in found if log_in is not None]


def _log_in(wiring: Wiring, role: str, email: str) -> dict[str, str] | None:
    origin = wiring.settings.origin
    with wiring.book.unit_of_work(actor="system:demo") as uow:
        party = parties.find_by_email(uow.connection, uow, email)
        if party is None:
            return None
        link = make_login_link(uow, party.party_id, language=party.language, origin=origin)
        facts: dict[str, Fact] = {"link": link, "minutes": int(LINK_LIFETIME.total_seconds()) // 60}
        write_mail(uow, template="log-in", to=party.party_id, key=f"log-in:{token_hash(link)}", facts=facts)
    return {"role": role, "name": party.name, "link": link}
