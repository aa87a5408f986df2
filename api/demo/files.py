"""Where the demo keeps what it makes, and how a demo that was interrupted is cleared away before it begins again."""

import shutil
from pathlib import Path

from api.settings import Settings

SANDBOX_STATE = "sandbox.jsonl"


def unfinished_mark(settings: Settings) -> Path:
    """The file that stands while the demo's book is being made."""
    return settings.data / "demo.unfinished"


def clear_unfinished(settings: Settings) -> bool:
    """Remove a half-made demo, which nobody has used yet; False where its database is not ours to remove."""
    mark = unfinished_mark(settings)
    if not mark.exists():
        return True
    database = embedded_database(settings)
    if database is None:
        return False
    for path in (database, settings.data / SANDBOX_STATE):
        for suffix in ("", "-wal", "-shm", "-journal", ".lock"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
    made = (settings.keys_folder, settings.log_folder, settings.signer_state.parent, settings.witness_addresses.parent)
    for folder in made:
        shutil.rmtree(folder, ignore_errors=True)
    mark.unlink()
    return True


def embedded_database(settings: Settings) -> Path | None:
    """The embedded database's file, if the installation uses it."""
    path = settings.data / "bxl.sqlite3"
    return path if settings.database_url == f"sqlite:///{path}" else None
