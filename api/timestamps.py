"""A timestamp authority (RFC 3161): asked over HTTP for a token, and its tokens checked against its certificates.

The answer is believed only after the check that a stranger makes years later: signature, chain, purpose of the
certificate, hash of the data; and, of a fresh answer, that it is to this request.
"""

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from asn1crypto import tsp
from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)
from rfc3161_client.verify import Verifier

from api.settings import Settings
from ledger.errors import Refusal

ANSWER_SECONDS = 10.0
LARGEST_ANSWER = 1 << 20
_QUERY, _REPLY = "application/timestamp-query", "application/timestamp-reply"


@dataclass(frozen=True, slots=True)
class TimestampAuthority:
    """Where tokens are asked for, and the certificates that are trusted to have issued the authority's."""

    url: str
    certificates: Sequence[x509.Certificate]

    def stamp(self, stamped: bytes) -> bytes:
        """A token over these bytes; refuses `timestamp-unavailable` and `timestamp-invalid`."""
        request = TimestampRequestBuilder().data(stamped).hash_algorithm(HashAlgorithm.SHA256).build()
        token = _ask(self.url, request.as_bytes())
        check_token(self.certificates, token, stamped, nonce=request.nonce)
        return token

    def answer(self, query: bytes) -> bytes:
        """The answer to a query that somebody else has made, both in DER; refuses as `stamp` does."""
        asked = tsp.TimeStampReq.load(query)
        digest, nonce = asked["message_imprint"]["hashed_message"].native, asked["nonce"].native
        answer = _ask(self.url, query)
        _check(self.certificates, answer, lambda verifier, token: verifier.verify(token, digest), nonce=nonce)
        return answer

    def check(self, token: bytes, stamped: bytes) -> datetime:
        """The instant of a token that was kept; refuses `timestamp-invalid`."""
        return check_token(self.certificates, token, stamped)


def authority_of(settings: Settings) -> TimestampAuthority:
    """The authority of an installation; refuses `timestamps-not-set-up` and what `read_certificates` refuses."""
    if settings.tsa_url is None or settings.tsa_certificate is None:
        raise Refusal("timestamps-not-set-up")
    return TimestampAuthority(settings.tsa_url, read_certificates(settings.tsa_certificate))


def read_certificates(file: Path) -> Sequence[x509.Certificate]:
    """The certificates of a PEM file; refuses `timestamp-certificate-malformed`."""
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())
    except ValueError as error:
        raise Refusal("timestamp-certificate-malformed", file=str(file)) from error


def check_token(
    certificates: Sequence[x509.Certificate], token: bytes, stamped: bytes, *, nonce: int | None = None
) -> datetime:
    """The authority's instant, once the token holds for `stamped`; refuses `timestamp-invalid` with the reason.

    `nonce` is that of the request, where the token is the answer to one of ours.
    """
    return _check(certificates, token, lambda verifier, answer: verifier.verify_message(answer, stamped), nonce=nonce)


def _check(
    certificates: Sequence[x509.Certificate],
    token: bytes,
    verify: Callable[[Verifier, TimeStampResponse], bool],
    *,
    nonce: int | None,
) -> datetime:
    verifier = VerifierBuilder(roots=list(certificates), nonce=nonce).build()
    try:
        answer: TimeStampResponse = decode_timestamp_response(token)
        verify(verifier, answer)
        stamped_at: datetime = answer.tst_info.gen_time
    except (ValueError, VerificationError) as error:
        raise Refusal("timestamp-invalid", reason=str(error)[:200]) from error
    if answer.as_bytes() != token:
        raise Refusal("timestamp-invalid", reason="another encoding of the same answer")
    return stamped_at


def _ask(url: str, query: bytes) -> bytes:
    request = urllib.request.Request(url, query, {"Content-Type": _QUERY, "Accept": _REPLY})  # noqa: S310 -- settings allow http and https only
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 -- the same
            token: bytes = answer.read(LARGEST_ANSWER + 1)
    except urllib.error.HTTPError as error:
        with error:  # it holds the connection
            raise Refusal("timestamp-unavailable", reason=str(error)[:200]) from error
    except (http.client.HTTPException, OSError) as error:
        raise Refusal("timestamp-unavailable", reason=str(error)[:200]) from error
    if len(token) > LARGEST_ANSWER:
        raise Refusal("timestamp-invalid", reason=f"an answer of more than {LARGEST_ANSWER} bytes")
    return token
