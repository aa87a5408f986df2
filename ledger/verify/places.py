"""Where a log or a checkpoint is: a folder, a file, or an address from which it is read over HTTP."""

from dataclasses import dataclass
from pathlib import Path

from ledger.log.tiles import CHECKPOINT, LogFolder, LogReader
from ledger.verify.remote import LogSite, is_address

Place = Path | str


@dataclass(frozen=True, slots=True)
class View:
    """A checkpoint that somebody shows, and the log that may be beside it."""

    name: str
    log: LogReader
    file: str = CHECKPOINT

    def note(self) -> bytes:
        """The signed note; refuses `log-file-missing` and `log-unavailable`."""
        return self.log.read(self.file)


def log_at(place: Place) -> LogReader:
    """The log in a folder or at an address."""
    return LogSite(str(place)) if is_address(place) else LogFolder(Path(place))


def view_at(place: Place) -> View:
    """The checkpoint in a file or at an address ending in its name, else the one of the log that is there."""
    base, _, file = str(place).rpartition("/")
    if is_address(place):
        named = file.startswith(CHECKPOINT)
        return View(str(place), LogSite(base if named else str(place)), file if named else CHECKPOINT)
    path = Path(place)
    if path.is_dir():
        return View(str(place), LogFolder(path))
    return View(str(place), LogFolder(path.parent), path.name)
