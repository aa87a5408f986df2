"""Bundles of entries with their records, hashed and recognised ahead of the replay: here, or in other processes."""

import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass

from ledger.errors import Refusal
from ledger.verify.plain import PlainPosting, prepare

_AHEAD = 4
"""Chunks that wait for each process: enough to keep it busy, few enough to stay small."""

Prepared = Sequence[tuple[bytes, PlainPosting | None]]


@dataclass(frozen=True, slots=True)
class Chunk:
    """The entries of one file of the log, and as many records as there are; or why the file can't be read."""

    file: str
    first: int = 0
    publics: Sequence[bytes] = ()
    records: Sequence[bytes] = ()
    refusal: Refusal | None = None


def prepared(chunks: Iterable[Chunk], jobs: int) -> Iterator[tuple[Chunk, Prepared]]:
    """Each chunk in order with what `prepare` makes of it, by `jobs` processes where that is more than one."""
    if jobs == 1:
        yield from ((chunk, prepare(chunk.first, chunk.publics, chunk.records)) for chunk in chunks)
        return
    waiting: deque[tuple[Chunk, Future[Prepared]]] = deque()
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for chunk in chunks:
            waiting.append((chunk, pool.submit(prepare, chunk.first, chunk.publics, chunk.records)))
            if len(waiting) > _AHEAD * jobs:
                earliest, future = waiting.popleft()
                yield earliest, future.result()
        for chunk, future in waiting:
            yield chunk, future.result()
