"""A backup -> a data folder; what was there is moved aside, never deleted."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from index.database import check_backup, mapped
from index.errors import LibraryBusy, SourceError

_KEPT = ("catalogue.sqlite", "catalogue.sqlite-wal", "catalogue.sqlite-shm", "index")


def restore(data_dir: Path, backup: Path) -> Path | None:
    """Put a backup in the place of what ``data_dir`` holds; nothing may be using that.

    Where the former contents were moved to, None when there were none.

    Raises:
        SourceError: there is no such file.
        CatalogueError: it is damaged, or no backup; nothing was changed.
        LibraryBusy: another process restores just now.
        StorageError: the folder cannot be written.
    """
    if not backup.is_file():
        raise SourceError(f"There is no file {str(backup)!r}. Give the path of a backup.")
    check_backup(backup)
    with mapped(data_dir):
        data_dir.mkdir(parents=True, exist_ok=True)
        # Copied before anything is moved: a full disk then leaves all as it was.
        copied = data_dir / "restoring.sqlite"
        try:
            with FileLock(data_dir / "restoring.lock", timeout=0):
                shutil.copyfile(backup, copied)
                aside = _move_aside(data_dir)
                copied.replace(data_dir / _KEPT[0])
        except Timeout as error:
            raise LibraryBusy(f"another process is restoring {data_dir}") from error
        finally:
            copied.unlink(missing_ok=True)
    return aside


def _move_aside(data_dir: Path) -> Path | None:
    present = [data_dir / name for name in _KEPT if (data_dir / name).exists()]
    if not present:
        return None
    aside = data_dir / f"before-restore-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
    aside.mkdir()
    for path in present:
        path.rename(aside / path.name)
    return aside
