"""What tests of the pages share: a browser in which somebody is logged in."""

from collections.abc import Callable

from starlette.testclient import TestClient

ORIGIN = "http://127.0.0.1:8000"
Enter = Callable[..., TestClient]
"""`enter(party)`: a browser in which that party is logged in; without one, nobody is."""
