"""Where a key lies in a token: URIs of RFC 7512."""

from collections.abc import Mapping
from urllib.parse import unquote

SCHEME = "pkcs11:"
_NEEDED = frozenset({"module-path", "object", "token"})


def parse_uri(uri: str) -> Mapping[str, str]:
    """The attributes of a PKCS #11 URI (RFC 7512); `ValueError` where it is none or names no module, token or object.

    >>> parse_uri("pkcs11:token=t%201;object=k?module-path=/lib/p.so")
    {'token': 't 1', 'object': 'k', 'module-path': '/lib/p.so'}
    """
    path, _, query = uri.removeprefix(SCHEME).partition("?")
    parts = [part.partition("=") for part in [*path.split(";"), *query.split("&")] if part]
    attributes = {name: unquote(value) for name, _, value in parts}
    if not uri.startswith(SCHEME) or not attributes.keys() >= _NEEDED or len(attributes) != len(parts):
        raise ValueError("a PKCS #11 URI that names module-path, token and object")
    return attributes
