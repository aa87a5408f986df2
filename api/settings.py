"""Settings, read once from the environment; everything that is wrong with them is reported together.

| variable | meaning | fallback |
|---|---|---|
| BXL_DATA | folder of the embedded database, keys, published log | `data` |
| BXL_DATABASE | SQLAlchemy URL | the SQLite file in BXL_DATA |
| BXL_BOOK | the book that this installation serves | `main` |
| BXL_PORT, BXL_HOST | where the pages are served | 8000 on 127.0.0.1 |
| BXL_ORIGIN | the public address, as browsers send it in `Origin` | http://127.0.0.1:<port> |
| BXL_OPERATOR | name of the authorised institution that operates the programme, shown in the terms | a fictional one |
| BXL_LEI | its legal entity identifier, with which the identifiers of its offers begin | a fictional one |
| BXL_MOLLIE_KEY, BXL_MOLLIE_ENDPOINT | the payment provider; without a key the sandbox plays it | the sandbox |
| BXL_MOLLIE_ACCESS_TOKEN | an organisation's token, which alone may read settlements and the balance | none |
| BXL_MOLLIE_WEBHOOK_SECRETS | what webhooks are signed with: one secret, or the new and the old for a while | none |
| BXL_SANDBOX, BXL_SANDBOX_TOKEN | address of the running payment sandbox, what its control calls must show | none |
| BXL_BANK | the bank: an address, or `folder:` and the path that a transport program serves, or `none` | the sandbox |
| BXL_BANK_TOKEN | what the bank at an address asks for | the sandbox's |
| BXL_CLIENT_IBAN, BXL_CLIENT_BIC | the client account at the bank | the sandbox's |
| BXL_OWN_IBAN | the operator's own account, from which the client account is topped up | the sandbox's |
| BXL_CREDITOR_ID | under which the bank lets us collect direct debits | the sandbox's |
| BXL_KEY_PASSPHRASE | encrypts the log's private keys at rest; without it they are as safe as the files | none |
| BXL_LOG_KEY_PKCS11 | Ed25519 keys of the log in tokens: `pkcs11:` URIs apart by spaces, the newest first | files |
| BXL_LOG_KEY_PIN | the PIN of these tokens | none |
| BXL_TSA_URL, BXL_TSA_CERTIFICATE | timestamp authority of anchors and signatures, and its root in PEM | none |
| BXL_WITNESSES | file of `witness`, `group` and `quorum` lines for the policy of a new book | no witness is asked for |
| BXL_SMTP_URL, BXL_MAIL_FROM | mail server, `smtp://user:secret@host:587`; else mail stays in the mailbox | none |
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stdnum import bic, iban, lei
from stdnum.eu import at_02

from api.keys.uri import parse_uri
from api.rails.sandbox import bank as twin
from api.rails.sandbox.control import NO_TOKEN
from contracts.loans.model import FICTIONAL_LEI
from ledger.payments.iso20022.model import Account

LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
EMBEDDED_FILE = "bxl.sqlite3"
MAIN_BOOK = "main"
MOLLIE_ENDPOINT = "https://api.mollie.com"
SANDBOX_KEY = "test_" + "sandbox" * 5
SANDBOX_TOKEN = "access_" + "sandbox" * 5
SANDBOX_BANK_TOKEN = "test_" + "sandbox" * 5
BANK_FOLDER, NO_BANK = "folder:", "none"
_BOOK = re.compile(r"[a-z][a-z0-9-]{0,31}")
_MOLLIE_KEY = re.compile(r"(test|live)_[A-Za-z0-9]{30,}")
_SECRETS = re.compile(r"\S{16,}( \S{16,})?")
_MOLLIE_TOKEN = re.compile(r"access_[A-Za-z0-9]{20,}")
_BANK_TOKEN = re.compile(r"(test|live)_[A-Za-z0-9]{20,}")
_LONGEST_NAME = 70
_SMTP = re.compile(r"smtps?://.+")
_LAST_PORT = 65_535


class SettingsError(Exception):
    """One or more settings can't be used; `faults` has a sentence for each."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment decides, checked. Secrets are kept out of the text form."""

    data: Path
    database_url: str = field(repr=False)
    book_id: str
    host: str
    port: int
    origin: str
    operator: str
    lei: str
    mollie_key: str = field(repr=False)
    mollie_endpoint: str
    sandbox_url: str | None
    smtp_url: str | None = field(repr=False)
    mail_from: str
    sandbox_token: str = field(default=NO_TOKEN, repr=False)
    key_passphrase: bytes | None = field(default=None, repr=False)
    tsa_url: str | None = None
    tsa_certificate: Path | None = None
    witnesses_file: Path | None = None
    log_key_uris: tuple[str, ...] = ()
    log_key_pin: str | None = field(default=None, repr=False)
    mollie_token: str | None = field(default=None, repr=False)
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    bank: str | None = None
    bank_token: str = field(default="", repr=False)
    client_iban: str | None = None
    client_bic: str | None = None
    own_iban: str | None = None
    creditor_identifier: str | None = None

    @property
    def client_account(self) -> Account | None:
        """The client account as order files name it; files hold 70 letters of a name."""
        if self.client_iban is None:
            return None
        name = self.operator.partition(" (")[0][:_LONGEST_NAME]
        return Account(name, self.client_iban, self.client_bic, creditor_identifier=self.creditor_identifier)

    @property
    def bank_folder(self) -> Path | None:
        """The folder through which files go to the bank and come from it, if that is how it is reached."""
        if self.bank is None or not self.bank.startswith(BANK_FOLDER):
            return None
        return Path(self.bank.removeprefix(BANK_FOLDER))

    @property
    def is_sandbox(self) -> bool:
        """Whether no real money can move: the mailbox is shown as a page and the business date may be moved."""
        return not self.mollie_key.startswith("live_")

    @property
    def is_https(self) -> bool:
        """Whether browsers reach the pages by TLS; then cookies are `Secure`."""
        return self.origin.startswith("https://")

    @property
    def book_folder(self) -> Path:
        """Where the book's own files lie: a second book in the same installation shares no key and no log."""
        return self.data if self.book_id == MAIN_BOOK else self.data / "books" / self.book_id

    @property
    def log_folder(self) -> Path:
        """Where the transparency log is published: `<data>/log`."""
        return self.book_folder / "log"

    @property
    def keys_folder(self) -> Path:
        """Where private keys lie, outside the database: `<data>/keys`."""
        return self.book_folder / "keys"

    @property
    def signer_state(self) -> Path:
        """What the signer alone writes and reads: the last size and root it signed."""
        return self.book_folder / "signer" / "state.json"

    @property
    def publish_lock(self) -> Path:
        """What those who publish a witnessed checkpoint hold, one at a time."""
        return self.book_folder / "signer" / "publish.lock"

    @property
    def witness_addresses(self) -> Path:
        """Lines of a witness's name and where it is reached, for those that moved or whose policy states no address."""
        return self.book_folder / "witnesses" / "addresses"

    @property
    def webhook_url(self) -> str:
        """Where the payment provider knocks: the sandbox, which calls this machine only, past any public address."""
        origin = f"http://127.0.0.1:{self.port}" if self.sandbox_url else self.origin
        return f"{origin}/webhooks/mollie"


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of an `environment`; raises `SettingsError` with every fault at once."""
    reader = _Reader(environment)
    data = Path(reader.text("BXL_DATA", "data")).absolute()
    host = reader.text("BXL_HOST", "127.0.0.1")
    port = reader.port("BXL_PORT", 8000)
    origin = reader.url("BXL_ORIGIN", f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}")  # noqa: S104 -- only compared
    sandbox_url = reader.url("BXL_SANDBOX", "") or None
    tsa_certificate = reader.text("BXL_TSA_CERTIFICATE", "")
    witnesses = reader.file("BXL_WITNESSES")
    key = reader.checked(
        "BXL_MOLLIE_KEY", SANDBOX_KEY, _MOLLIE_KEY, "is no Mollie key: test_ or live_ and at least 30 letters"
    )
    endpoint = reader.url(
        "BXL_MOLLIE_ENDPOINT", MOLLIE_ENDPOINT if key != SANDBOX_KEY else sandbox_url or "http://127.0.0.1"
    )
    settings = Settings(
        data=data,
        database_url=reader.text("BXL_DATABASE", f"sqlite:///{data / EMBEDDED_FILE}"),
        book_id=reader.checked(
            "BXL_BOOK", MAIN_BOOK, _BOOK, "is no book name: a letter, then letters, digits and hyphens"
        ),
        host=host,
        port=port,
        origin=origin.rstrip("/"),
        operator=reader.text(
            "BXL_OPERATOR", "BXL Invest SC (opérateur fictif · fictieve operator · fictional operator)"
        ),
        lei=reader.number(
            "BXL_LEI", FICTIONAL_LEI, lei.is_valid, "is no legal entity identifier: 20 letters and digits (ISO 17442)"
        ),
        mollie_key=key,
        mollie_endpoint=endpoint.rstrip("/"),
        sandbox_url=sandbox_url.rstrip("/") if sandbox_url else None,
        sandbox_token=reader.text("BXL_SANDBOX_TOKEN", NO_TOKEN),
        smtp_url=reader.checked("BXL_SMTP_URL", "", _SMTP, "is no mail address: smtp://user:secret@host:587") or None,
        mail_from=reader.text("BXL_MAIL_FROM", "BXL Invest <no-reply@bxl-invest.example>"),
        key_passphrase=read_passphrase(environment),
        tsa_url=reader.url("BXL_TSA_URL", "") or None,
        tsa_certificate=Path(tsa_certificate).absolute() if tsa_certificate else None,
        log_key_uris=tuple(reader.key_uris("BXL_LOG_KEY_PKCS11").split()),
        log_key_pin=environment.get("BXL_LOG_KEY_PIN") or None,
        witnesses_file=Path(witnesses).absolute() if witnesses else None,
        mollie_token=reader.checked(
            "BXL_MOLLIE_ACCESS_TOKEN",
            SANDBOX_TOKEN if sandbox_url and key == SANDBOX_KEY and not reader.text("BXL_BANK", "") else "",
            _MOLLIE_TOKEN,
            "is no organisation's token: access_ and at least 20 letters",
        )
        or None,
        webhook_secrets=tuple(
            reader.checked(
                "BXL_MOLLIE_WEBHOOK_SECRETS", "", _SECRETS, "is not one or two secrets of at least 16 characters"
            ).split()
        ),
        **_read_bank(reader, None if key.startswith("live_") else sandbox_url),
    )
    faults = (*reader.faults, *_contradictions(settings))
    if faults:
        raise SettingsError(faults)
    return settings


def _read_bank(reader: "_Reader", sandbox_url: str | None) -> dict[str, Any]:
    """Whatever concerns the bank; where the sandbox plays it, its own numbers."""
    played = bool(sandbox_url) and not reader.text("BXL_BANK", "")
    names = "client_iban", "own_iban", "client_bic", "creditor_identifier"
    numbers = (twin.CLIENT_IBAN, twin.OWN_IBAN, twin.BIC, twin.CREDITOR_IDENTIFIER)
    fallbacks = numbers if played else ("",) * len(numbers)
    variables = ("BXL_CLIENT_IBAN", "BXL_OWN_IBAN", "BXL_CLIENT_BIC", "BXL_CREDITOR_ID")
    checks = (
        (iban, "is no account number: an IBAN with its check digits"),
        (iban, "is no account number: an IBAN with its check digits"),
        (bic, "is no BIC: 8 or 11 letters and digits"),
        (at_02, "is no creditor identifier: country, check digits, business code and national number"),
    )
    found = {
        name: reader.number(variable, fallback, kind.is_valid, fault) or None
        for name, variable, fallback, (kind, fault) in zip(names, variables, fallbacks, checks, strict=True)
    }
    fault = "is no token of a bank: test_ or live_ and at least 20 letters"
    token = reader.checked("BXL_BANK_TOKEN", SANDBOX_BANK_TOKEN if played else "", _BANK_TOKEN, fault)
    bank = reader.bank("BXL_BANK", (sandbox_url or "").rstrip("/"))
    return found | {"bank": None if bank in {"", NO_BANK} else bank, "bank_token": token}


def read_passphrase(environment: Mapping[str, str] = os.environ) -> bytes | None:
    """What private keys are encrypted with at rest, if anything."""
    return environment.get("BXL_KEY_PASSPHRASE", "").strip().encode() or None


def _contradictions(settings: Settings) -> list[str]:
    """Settings that are fine alone and dangerous, or useless, together."""
    faults = _bank_contradictions(settings)
    if (settings.tsa_url is None) != (settings.tsa_certificate is None):
        faults.append("BXL_TSA_URL and BXL_TSA_CERTIFICATE go together: a token that can't be checked anchors nothing")
    if settings.is_sandbox:
        if settings.mollie_token not in {None, SANDBOX_TOKEN}:
            faults.append(
                "BXL_MOLLIE_ACCESS_TOKEN reads real settlements while BXL_MOLLIE_KEY is a test key: unset one"
            )
        return faults
    if settings.sandbox_url:
        faults.append(
            "BXL_MOLLIE_KEY is a live key while BXL_SANDBOX is set: real payments never go through a sandbox; unset one"
        )
    endpoint = urlsplit(settings.mollie_endpoint)
    if endpoint.scheme != "https":
        faults.append(
            "BXL_MOLLIE_ENDPOINT is not https while BXL_MOLLIE_KEY is a live key: a live key is never sent in clear"
        )
    if endpoint.hostname in LOCAL_HOSTS:
        faults.append(
            "BXL_MOLLIE_ENDPOINT is this machine while BXL_MOLLIE_KEY is a live key: it is never sent to a sandbox"
        )
    if not settings.is_https:
        faults.append("BXL_ORIGIN is not https while BXL_MOLLIE_KEY is a live key: sessions would travel in clear")
    return faults


def _bank_contradictions(settings: Settings) -> list[str]:
    """What of the bank does not fit together; real money moves at the provider and at the bank, or at neither."""
    faults = []
    if settings.creditor_identifier and not settings.client_iban:
        faults.append("BXL_CREDITOR_ID is set without BXL_CLIENT_IBAN: debits are collected on an account")
    if settings.own_iban and settings.own_iban == settings.client_iban:
        faults.append("BXL_OWN_IBAN is BXL_CLIENT_IBAN: clients' money never stands on the operator's own account")
    if settings.bank is None:
        return faults
    if settings.client_iban is None:
        faults.append("BXL_BANK is set without BXL_CLIENT_IBAN: nobody would know whose statements these are")
    if settings.bank_folder is not None:
        return faults
    if not settings.bank_token:
        faults.append("BXL_BANK is an address and BXL_BANK_TOKEN is missing: the bank would not answer")
    elif settings.is_sandbox != settings.bank_token.startswith("test_"):
        faults.append(
            "BXL_BANK_TOKEN and BXL_MOLLIE_KEY are not both test or both live: real money moves at both, or at neither"
        )
    if not settings.is_sandbox and urlsplit(settings.bank).scheme != "https":
        faults.append("BXL_BANK is not https while BXL_MOLLIE_KEY is a live key: orders are never sent in clear")
    if not settings.is_sandbox and urlsplit(settings.bank).hostname in LOCAL_HOSTS:
        faults.append("BXL_BANK is this machine while BXL_MOLLIE_KEY is a live key: it is never the bank")
    return faults


class _Reader:
    """Reads variables and collects what is wrong instead of stopping at the first fault."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.faults: list[str] = []

    def text(self, name: str, fallback: str) -> str:
        return self.environment.get(name, "").strip() or fallback

    def checked(self, name: str, fallback: str, pattern: re.Pattern[str], fault: str) -> str:
        return self._tested(name, fallback, lambda value: bool(pattern.fullmatch(value)), fault, shown=False)

    def url(self, name: str, fallback: str) -> str:
        return self._tested(name, fallback, _is_web_address, "is no web address: http(s)://host:port")

    def port(self, name: str, fallback: int) -> int:
        fault = "is no port: a number from 1 to 65535"
        return int(self._tested(name, str(fallback), lambda v: v.isdecimal() and 1 <= int(v) <= _LAST_PORT, fault))

    def number(self, name: str, fallback: str, test: Callable[[str], bool], fault: str) -> str:
        """A number that people group by spaces."""
        return "".join(self._tested(name, fallback, test, fault).split()).upper()

    def bank(self, name: str, fallback: str) -> str:
        fault = "is no bank: http(s)://host:port, folder: and an absolute path, or none"
        return self._tested(name, fallback, _is_bank, fault).rstrip("/")

    def key_uris(self, name: str) -> str:
        fault = "is no list of pkcs11: URIs that name module-path, token and object"
        return self._tested(name, "", lambda value: all(map(_is_key_uri, value.split())), fault)

    def file(self, name: str) -> str:
        return self._tested(name, "", lambda value: Path(value).is_file(), "is no file")

    def _tested(self, name: str, fallback: str, test: Callable[[str], bool], fault: str, *, shown: bool = True) -> str:
        value = self.text(name, fallback)
        if value == fallback or test(value):
            return value
        self.faults.append(f"{name}={value} {fault}" if shown else f"{name} {fault}")
        return fallback


def _is_key_uri(value: str) -> bool:
    try:
        parse_uri(value)
    except ValueError:
        return False
    return True


def _is_bank(value: str) -> bool:
    if value == NO_BANK:
        return True
    if value.startswith(BANK_FOLDER):
        return Path(value.removeprefix(BANK_FOLDER)).is_absolute()
    return _is_web_address(value)


def _is_web_address(value: str) -> bool:
    parts = urlsplit(value)
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
