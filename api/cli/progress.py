"""How far a command is, for a person at a terminal: on standard error, and nowhere else."""

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

import click


@contextmanager
def progress(file: BinaryIO, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """A function to be told how many more entries of `file` are done.

    It draws a bar of the bytes read where the file's size is known, a count of entries where it is not, and nothing
    where `shown` is false or standard error is no terminal.
    """
    if not (shown and sys.stderr.isatty()):
        yield lambda _entries: None
    elif size := _size(file):
        with click.progressbar(length=size, label="Reading", file=sys.stderr) as bar:
            yield lambda _entries: bar.update(file.tell() - bar.pos)
    else:
        with _counter() as count:
            yield count


@contextmanager
def _counter() -> Iterator[Callable[[int], None]]:
    """One line that is written over."""
    done = 0

    def count(entries: int) -> None:
        nonlocal done
        done += entries
        click.echo(f"\r{done} entries", nl=False, err=True)

    try:
        yield count
    finally:
        click.echo(err=True)


def _size(file: BinaryIO) -> int:
    """The bytes of a regular file; 0 for a pipe, whose end nobody knows."""
    status = os.fstat(file.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else 0
