"""Log keys in a hardware token, by PKCS #11: the private key never leaves it; it is asked to sign, and only that.

A key is named by a URI of RFC 7512, the module among its attributes:

    pkcs11:token=log;object=log-2026?module-path=/usr/lib/softhsm/libsofthsm2.so

Ed25519 only (mechanism CKM_EDDSA of PKCS #11 3.0): tokens for ML-DSA-44 are still rare, so that key stays a file. The
PIN comes from the environment and is kept nowhere. Needs the extra `pkcs11`.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from api.keys.uri import parse_uri
from ledger.errors import Refusal
from ledger.log.checkpoint import PrivateKey

if TYPE_CHECKING:
    import pkcs11

_PUBLIC_SIZE = 32


class TokenKey:
    """An Ed25519 key in a token."""

    def __init__(self, private: "pkcs11.SignMixin", public: bytes) -> None:
        self._private = private
        self._public = Ed25519PublicKey.from_public_bytes(public)

    def sign(self, data: bytes, /) -> bytes:
        """The signature over `data`, made inside the token; refuses `token-unavailable` where it is gone."""
        from pkcs11 import Mechanism, PKCS11Error  # noqa: PLC0415 -- the package is an extra

        try:
            return bytes(self._private.sign(data, mechanism=Mechanism.EDDSA))
        except PKCS11Error as error:
            raise Refusal("token-unavailable", reason=_named(error)) from error

    def public_key(self) -> Ed25519PublicKey:
        """The public side."""
        return self._public


def token_keys(uris: Sequence[str], pin: str | None) -> tuple[PrivateKey, ...]:
    """The keys that `uris` name, in that order.

    Refuses `token-needs-extra`, `token-unavailable` (no module, no token, a wrong PIN), `token-key-missing`.
    """
    return tuple(_key(parse_uri(uri), pin) for uri in uris)


def _key(named: Mapping[str, str], pin: str | None) -> TokenKey:
    try:
        import pkcs11  # noqa: PLC0415 -- the package is an extra
    except ImportError as error:
        raise Refusal("token-needs-extra", extra="pkcs11") from error
    try:
        session = _session(named["module-path"], named["token"], pin)
        private, public = (
            session.get_key(object_class=kind, key_type=pkcs11.KeyType.EC_EDWARDS, label=named["object"])
            for kind in (pkcs11.ObjectClass.PRIVATE_KEY, pkcs11.ObjectClass.PUBLIC_KEY)
        )
    except (pkcs11.NoSuchKey, pkcs11.MultipleObjectsReturned) as error:
        raise Refusal("token-key-missing", token=named["token"], object=named["object"]) from error
    except (pkcs11.PKCS11Error, RuntimeError) as error:
        raise Refusal("token-unavailable", reason=_named(error)) from error
    assert isinstance(private, pkcs11.SignMixin)
    return TokenKey(private, bytes(public[pkcs11.Attribute.EC_POINT])[-_PUBLIC_SIZE:])  # raw, or as an OCTET STRING


@cache
def _session(module: str, token: str, pin: str | None) -> "pkcs11.Session":
    """The one session of this process with a token: whoever is logged in can't log in again."""
    import pkcs11  # noqa: PLC0415 -- the package is an extra

    return pkcs11.lib(module).get_token(token_label=token).open(user_pin=pin)


def _named(error: Exception) -> str:
    """The kind of an error of the module; its text may hold anything."""
    return type(error).__name__
