"""Bundles of entries with their records, hashed and recognised ahead of the replay: here, or in other processes."""

import errno
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.errors import Refusal
from ledger.verify.plain import PlainPosting, prepare

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

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
    with ExitStack() as ending:
        yield from _dealt_out(chunks, [_start(ending) for _ in range(jobs)])


def _dealt_out(chunks: Iterable[Chunk], workers: Sequence["_Worker"]) -> Iterator[tuple[Chunk, Prepared]]:
    """A worker gets its next chunk once its last answer is taken, so that nobody waits for a full pipe."""
    idle, busy = deque(workers), deque[tuple[Chunk, "_Worker"]]()
    for chunk in chunks:
        answer = None
        if not idle:
            earliest, worker = busy.popleft()
            answer = earliest, worker.answer()
            idle.append(worker)
        worker = idle.popleft()
        worker.ask(chunk)
        busy.append((chunk, worker))
        if answer is not None:
            yield answer
    for chunk, worker in busy:
        yield chunk, worker.answer()


@dataclass(frozen=True, slots=True)
class _Worker:
    """A process that prepares one chunk after the other."""

    questions: "Connection[object, object]"
    answers: "Connection[object, Prepared]"

    def ask(self, chunk: Chunk) -> None:
        with _expected():
            self.questions.send((chunk.first, chunk.publics, chunk.records))

    def answer(self) -> Prepared:
        with _expected():
            return self.answers.recv()


@contextmanager
def _expected() -> Iterator[None]:
    """A process that was killed says nothing of the log: the audit is left unfinished."""
    try:
        yield
    except (EOFError, ConnectionError) as error:
        raise ChildProcessError(errno.ECHILD, "a process that hashes has ended", "--jobs") from error


def _start(ending: ExitStack) -> _Worker:
    import multiprocessing  # noqa: PLC0415 -- one process needs none of it

    context = multiprocessing.get_context("spawn")  # a fork would take the caller's threads and files with it
    theirs, questions = context.Pipe(duplex=False)
    answers, ours = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(theirs, ours), daemon=True)
    process.start()
    theirs.close()
    ours.close()
    ending.callback(process.join)
    ending.callback(process.terminate)  # before it is waited for; it holds nothing that could be lost
    ending.callback(questions.close)
    ending.callback(answers.close)
    return _Worker(questions, answers)


def _work(
    questions: "Connection[object, tuple[int, Sequence[bytes], Sequence[bytes]]]", answers: "Connection[object, object]"
) -> None:
    while True:
        try:
            answers.send(prepare(*questions.recv()))
        except (EOFError, BrokenPipeError, KeyboardInterrupt):  # whoever asked has gone
            return
