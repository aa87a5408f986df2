"""The demo's three witnesses: keys made before the policy that names them, two of the three are the quorum.

They run on the operator's machine, so they show how witnessing works and vouch for nothing: in service each stands with
somebody else.
"""

from dataclasses import replace
from pathlib import Path

from api.settings import Settings
from ledger.log.cosignature import cosigner
from ledger.log.files import write_atomically
from ledger.log.quorum import Group, Quorum, Witness
from ledger.witnesskey import make_witness_key

COUNT, NEEDED = 3, 2


def with_witnesses(settings: Settings) -> Settings:
    """The settings for making the demo's book: its own witnesses, unless others are named."""
    if settings.witnesses_file is not None:
        return settings
    witnesses = tuple(_witness(settings, number) for number in range(1, COUNT + 1))
    group = Group("demo", NEEDED, tuple(witness.name for witness in witnesses))
    quorum = Quorum(witnesses, (group,), group.name)
    file = _folder(settings) / "quorum"
    write_atomically(file, "".join(f"{line}\n" for line in quorum.lines()).encode())
    return replace(settings, witnesses_file=file)


def witness_folders(settings: Settings) -> dict[str, Path]:
    """The demo's witnesses by name; none where its book was made without."""
    names = (f"w{number}" for number in range(1, COUNT + 1))
    return {name: folder for name in names if (folder := _folder(settings) / name).is_dir()}


def _witness(settings: Settings, number: int) -> Witness:
    name = f"w{number}"
    folder = _folder(settings) / name
    key = make_witness_key(folder, name=f"witness.example/{name}", passphrase=settings.key_passphrase)
    return Witness(name, cosigner(key))


def _folder(settings: Settings) -> Path:
    return settings.witness_addresses.parent
