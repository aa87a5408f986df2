"""How a mail leaves: by SMTP where one is configured, otherwise not at all and it is kept for the mailbox page."""

import hashlib
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import localtime
from typing import Protocol
from urllib.parse import unquote, urlsplit

from typing_extensions import override

_SECONDS = 20
_PORTS = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail ready to leave; `key` makes its Message-ID, so that a second sending is recognised as the same mail."""

    key: str
    address: str
    subject: str
    body: str
    language: str


class MailTransport(Protocol):
    """A way for mail to leave."""

    def send(self, letter: Letter) -> bool:
        """Hand the mail over and answer whether it left; raises `OSError` (which SMTP errors are) to be tried again."""
        ...


class KeptMail(MailTransport):
    """No delivery: mail stays in the mailbox, which the demo shows as a page."""

    @override
    def send(self, letter: Letter) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class SmtpMail(MailTransport):
    """Delivery by one SMTP server, with TLS from the start (`smtps`) or by STARTTLS wherever a password is used."""

    url: str = field(repr=False)
    sender: str

    @override
    def send(self, letter: Letter) -> bool:
        parts = urlsplit(self.url)
        host, port = parts.hostname or "localhost", parts.port or _PORTS[parts.scheme]
        with _connected(parts.scheme, host, port) as server:
            if parts.username:
                if parts.scheme == "smtp":
                    server.starttls(context=ssl.create_default_context())
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.send_message(self.message(letter))
        return True

    def message(self, letter: Letter) -> EmailMessage:
        """The mail in the form of RFC 5322."""
        message = EmailMessage()
        message["From"] = self.sender
        message["To"] = letter.address
        message["Subject"] = letter.subject
        message["Auto-Submitted"] = "auto-generated"
        message["Message-ID"] = f"<{hashlib.sha256(letter.key.encode()).hexdigest()[:32]}@bxl-invest.example>"
        message["Date"] = localtime()
        message.set_content(letter.body)
        message["Content-Language"] = letter.language
        return message


def _connected(scheme: str, host: str, port: int) -> smtplib.SMTP:
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port, timeout=_SECONDS, context=ssl.create_default_context())
    return smtplib.SMTP(host, port, timeout=_SECONDS)
