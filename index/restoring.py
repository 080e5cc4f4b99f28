"""A backup -> a data folder; what was there is moved aside, never deleted."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from index.database import mapped
from index.errors import LibraryBusy, SourceError
from index.sqlite import check_backup, copy_database, fold_in_log


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
    catalogue = data_dir / "catalogue.sqlite"
    with mapped():
        data_dir.mkdir(parents=True, exist_ok=True)
        copied = data_dir / "restoring.sqlite"
        try:
            with FileLock(data_dir / "restoring.lock", timeout=0):
                try:
                    copied.unlink(missing_ok=True)
                    copy_database(backup, copied)
                    check_backup(copied)
                    aside = _kept_aside(data_dir, catalogue)
                    # The one step by which it is restored; before it all is as it was.
                    copied.replace(catalogue)
                finally:
                    copied.unlink(missing_ok=True)
        except Timeout as error:
            raise LibraryBusy(f"another process is restoring {data_dir}") from error
    return aside


def _kept_aside(data_dir: Path, catalogue: Path) -> Path | None:
    """A folder with a copy of the catalogue, and the index, which is built again when needed."""
    if not catalogue.exists():
        return None
    fold_in_log(catalogue)
    aside = data_dir / f"before-restore-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
    aside.mkdir()
    shutil.copyfile(catalogue, aside / catalogue.name)
    if (data_dir / "index").exists():
        (data_dir / "index").rename(aside / "index")
    return aside
