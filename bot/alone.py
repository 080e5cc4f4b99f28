"""Who has a data folder to itself: one bot on Discord, or one that moves the folder's library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from index import LibraryBusy


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Raises LibraryBusy while another process has the folder."""
    lock = FileLock(folder / "bot.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise LibraryBusy(
            f"another article-bot answers on Discord from {folder}, or migrates it; stop that one"
            " first"
        ) from error
    try:
        yield
    finally:
        lock.release()
