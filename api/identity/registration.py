"""Registering a citizen: a natural person who lends outside any trade, with what the rules must know of her.

What she declares is kept as dated attributes, each with the registration as its evidence. An address that is known
already gets a log-in link instead, so that registering tells nobody who is registered.
"""

from dataclasses import dataclass
from datetime import date

from api.identity.service import request_login_link
from api.mail.service import write_mail
from contracts.parties import queries, service
from contracts.parties.model import (
    Attribute,
    NaturalIdentity,
    checked_attribute,
    checked_iban,
    checked_language,
    checked_text,
)
from contracts.schemes.withholding import HolderKind
from ledger.book import UnitOfWork
from ledger.errors import Refusal

EVIDENCE = "own declaration at registration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What a citizen states; `tax_residence` is one of BE-BRU, BE-VLG, BE-WAL, abroad."""

    given_name: str
    family_name: str
    email: str
    commune: str
    iban: str
    tax_residence: str
    acts_outside_trade: bool
    language: str


def register_citizen(uow: UnitOfWork, stated: Registration, *, on: date, origin: str) -> str | None:
    """Register and mail a welcome and a log-in link; gives the party's token, None where the address was known.

    Refuses `trade-not-excluded`, `iban-invalid` and what registering a natural person refuses; each before the address
    is looked up, so that a refusal tells nobody whether it is known.
    """
    if not stated.acts_outside_trade:
        raise Refusal("trade-not-excluded")
    _check(stated)
    party_id = None
    if queries.find_by_email(uow.connection, uow, stated.email) is None:
        party_id = _register(uow, stated, on)
        write_mail(uow, template="welcome", to=party_id, key=f"welcome:{party_id}", facts={}, language=stated.language)
    request_login_link(uow, email=stated.email, language=stated.language, origin=origin)
    return party_id


def _check(stated: Registration) -> None:
    checked_iban(stated.iban)
    checked_language(stated.language)
    checked_attribute(Attribute.TAX_RESIDENCE, stated.tax_residence)
    for name in ("given_name", "family_name", "commune"):
        checked_text(getattr(stated, name), name)


def _register(uow: UnitOfWork, stated: Registration, on: date) -> str:
    identity = NaturalIdentity(
        given_name=stated.given_name,
        family_name=stated.family_name,
        email=stated.email,
        language=stated.language,
    )
    party_id = service.register_natural(uow, identity)
    is_abroad = stated.tax_residence == "abroad"
    kind = HolderKind.NON_RESIDENT_INDIVIDUAL if is_abroad else HolderKind.RESIDENT_INDIVIDUAL
    for attribute, value in (
        (Attribute.TAX_RESIDENCE, stated.tax_residence),
        (Attribute.COMMUNE, stated.commune),
        (Attribute.HOLDER_KIND, kind.value),
        (Attribute.SOPHISTICATION, "non-sophisticated"),
    ):
        service.record_attribute(uow, party_id, attribute, value, valid_from=on, evidence=EVIDENCE)
    service.change_iban(uow, party_id, stated.iban, valid_from=on, evidence=EVIDENCE)
    return party_id
