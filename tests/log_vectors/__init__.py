"""Makes the published vectors of the log, positive and negative: `python -m tests.log_vectors`."""

from collections.abc import Iterator

from tests.log_vectors.base import INDEX, Vector, as_json
from tests.log_vectors.checkpoints import checkpoint_vectors
from tests.log_vectors.logs import log_vectors
from tests.log_vectors.proofs import proof_vectors
from tests.log_vectors.receipts import kept_notes, receipt_vectors


def all_vectors() -> Iterator[Vector]:
    """Every vector, in the order of the index."""
    yield from proof_vectors()
    yield from checkpoint_vectors()
    yield from receipt_vectors()
    yield from log_vectors()


def all_files() -> dict[str, bytes]:
    """Every file by its path below the folder of the vectors; a file that two vectors share has one content."""
    files = kept_notes()
    vectors = list(all_vectors())
    for vector in vectors:
        for path, content in vector.files.values():
            if content != files.setdefault(path, content):
                raise ValueError(f"two contents of {path}")
    folders = {path for vector in vectors for role, (path, _) in vector.files.items() if role == "log"}
    for folder in folders:
        del files[folder]
    return files | {INDEX: as_json([vector.row() for vector in vectors])}
