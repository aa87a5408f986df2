"""Write the vectors and their index into `tests/vectors/log`: `python -m tests.log_vectors`."""

from tests.log_vectors import all_files
from tests.log_vectors.base import FOLDER

if __name__ == "__main__":
    for path, content in all_files().items():
        file = FOLDER / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
