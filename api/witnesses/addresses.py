"""Where witnesses are reached, beside the policy: it is hashed into the log's first entry and can't follow a move."""

from collections.abc import Mapping
from pathlib import Path

from ledger.log.files import write_atomically


def read_addresses(file: Path) -> Mapping[str, str]:
    """The addresses by name, of lines `<name> <url>`; none where there is no file. Other lines are passed over."""
    if not file.exists():
        return {}
    lines = [line.split() for line in file.read_text("utf-8", "replace").splitlines()]
    return dict((words[0], words[1]) for words in lines if len(words) == 2)  # noqa: C402, PLR2004 -- name, address


def write_addresses(file: Path, addresses: Mapping[str, str]) -> None:
    """Keep `addresses` in `file`."""
    write_atomically(file, "".join(f"{name} {url}\n" for name, url in addresses.items()).encode())
