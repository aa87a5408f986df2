"""Witnesses for tests: real servers in threads of this process, and a book whose policy names them."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from api.witnesses.client import HttpWitnesses
from api.witnesses.server import WitnessServer
from ledger.clock import FixedClock
from ledger.log.cosignature import cosigner
from ledger.log.note import VerifierKey
from ledger.log.policy import Policy
from ledger.log.quorum import Group, Quorum
from ledger.log.quorum import Witness as Named
from ledger.witness import Witness
from ledger.witnessing import Witnessing
from ledger.witnesskey import load_witness_key, make_witness_key

NAMES = ("w1", "w2", "w3")


def two_of_three(folder: Path) -> Quorum:
    """Keys of three witnesses below `folder`, two of whom are the quorum."""
    keys = {name: make_witness_key(folder / name, name=f"witness.example/{name}", passphrase=None) for name in NAMES}
    witnesses = tuple(Named(name, cosigner(key)) for name, key in keys.items())
    return Quorum(witnesses, (Group("two-of-three", 2, NAMES),), "two-of-three")


def witness_at(state: Path, logs: Mapping[str, tuple[VerifierKey, ...]], clock: FixedClock) -> Witness:
    return Witness(state, load_witness_key(state, passphrase=None), logs, clock)


@contextmanager
def serving(witness: Witness) -> Iterator[str]:
    """The address of a witness that is served while the block runs."""
    with served_by(WitnessServer("127.0.0.1", 0, witness)) as address:
        yield address


@contextmanager
def served_by(server: WitnessServer) -> Iterator[str]:
    with server:
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def witnessing_at(
    folder: Path,
    policy: Policy | Callable[[int], Policy],
    addresses: Callable[[], Mapping[str, str]],
    *,
    patience_seconds: float = 10.0,
) -> Witnessing:
    return Witnessing(
        folder / "log",
        policy,
        HttpWitnesses(timeout_seconds=patience_seconds),
        lock_file=folder / "signer" / "publish.lock",
        addresses=addresses,
        patience_seconds=patience_seconds,
    )
