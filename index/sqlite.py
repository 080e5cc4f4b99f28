"""SQLite, the database of one machine: connecting, copying, and its errors as the engine's."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Self

import sqlalchemy as sa
from filelock import FileLock, Timeout

from index.database import mapped, migrate, schema_of
from index.errors import CatalogueError, LibraryBusy, StorageError
from index.schema import SCHEMA
from index.types import Scope

_LOCK_TIMEOUT_S = 30


class SqliteDatabase:
    """One file. Whoever writes holds it all, from the first statement of a transaction on."""

    def __init__(self, path: Path, engine: sa.Engine) -> None:
        self._path = path
        self.where = str(path)
        self._engine = engine

    @classmethod
    def open(cls, path: Path) -> Self:
        """Connect to the file at ``path``, creating and upgrading it as needed."""
        with _mapped(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            _refuse_to_own(path.parent)
            engine = _connect(path)
            with engine.connect() as connection:
                found = schema_of(connection)
            if found != SCHEMA:
                _upgrade(engine, path)
        return cls(path, engine)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        with _mapped(self._path), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, changed: Scope | None = None) -> Iterator[sa.Connection]:  # noqa: ARG002
        engine = self._engine.execution_options(begin="IMMEDIATE")
        with _mapped(self._path), engine.begin() as connection:
            yield connection

    def within(self, seconds: float) -> AbstractContextManager[None]:  # noqa: ARG002 - a file's
        return nullcontext()

    def back_up(self, file: Path) -> None:
        _back_up(self._engine, file)

    def check(self) -> list[str]:
        with self.reading() as connection:
            rows = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
        return [str(row) for row in rows if row != "ok"]

    def close(self) -> None:
        self._engine.dispose()


def _refuse_to_own(folder: Path) -> None:
    """StorageError for root in the folder of another, who could not read what root writes."""
    if os.name == "nt" or os.geteuid() != 0 or folder.stat().st_uid == 0:
        return
    raise StorageError(
        f"{folder} belongs to {folder.owner()}, who could not read what root would write there;"
        f" run this as that user (sudo -u {folder.owner()} ...)"
    )


def _back_up(engine: sa.Engine, file: Path) -> None:
    """Copy the whole database to ``file`` while it is in use, then check the copy.

    Raises StorageError when it cannot be written, CatalogueError when the copy is damaged.
    """
    if file.resolve() == Path(str(engine.url.database)).resolve():
        raise StorageError(f"{file} is the catalogue itself; choose another place for the copy")
    aside = file.with_name(f"{file.name}.part")
    try:
        with _mapped(file):
            aside.unlink(missing_ok=True)
            with closing(sqlite3.connect(aside)) as copy:
                raw = engine.raw_connection()
                try:
                    raw.driver_connection.backup(copy)  # type: ignore[union-attr] # sqlite3's
                finally:
                    raw.close()
                copy.execute("PRAGMA journal_mode=DELETE")
            check_backup(aside)
            aside.replace(file)
    except sqlite3.Error as error:
        raise StorageError(f"{file} cannot be written ({error}); choose another place") from error
    finally:
        aside.unlink(missing_ok=True)


def check_backup(file: Path) -> None:
    """CatalogueError unless ``file`` is a whole catalogue of this program or an older one."""
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as copy:
            (found,) = copy.execute("PRAGMA integrity_check").fetchone()
            if found != "ok":
                raise CatalogueError(f"{file} is damaged ({found}); use another backup")
            (schema,) = copy.execute("SELECT version_num FROM alembic_version").fetchone()
            copy.execute("SELECT count(*) FROM articles, versions")
            if not schema.isdigit() or schema > SCHEMA:
                raise CatalogueError(
                    f"{file} was written by a newer article-bot; install that version"
                )
    except (sqlite3.Error, TypeError) as error:
        raise CatalogueError(f"{file} is no backup of article-bot ({error})") from error


def copy_database(file: Path, to: Path) -> None:
    """Copy a database, what stands in its log included."""
    with (
        closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(to)) as copy,
    ):
        source.backup(copy)


def fold_in_log(file: Path) -> None:
    """Write a database's log into it, so that the file alone is all of it.

    Raises LibraryBusy while another process has it open.
    """
    try:
        with closing(sqlite3.connect(file, timeout=1, isolation_level=None)) as connection:
            # Leaving this mode needs the database to oneself, and removes the log.
            (mode,) = connection.execute("PRAGMA journal_mode=DELETE").fetchone()
    except sqlite3.Error as error:
        if "locked" in str(error):
            raise LibraryBusy(f"{file} is in use; stop the bot, and try again") from error
        return  # damaged: then it is kept aside as it is
    if mode != "delete":
        raise LibraryBusy(f"{file} is in use; stop the bot, and try again")


@contextmanager
def _mapped(path: object) -> Iterator[None]:
    """Turn SQLite's and the file system's errors into the engine's."""
    try:
        with mapped():
            yield
    except sa.exc.DatabaseError as error:
        raise _database_error(path, error) from error


def _database_error(path: object, error: sa.exc.DatabaseError) -> Exception:
    code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return LibraryBusy("another process is writing to the library; try again in a moment")
    if code == sqlite3.SQLITE_FULL:
        return StorageError(
            f"the disk is full: {path} was left as it was; make space and try again"
        )
    if code in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR}:
        return StorageError(f"{path} cannot be written ({error.orig}); check DATA_DIR")
    return CatalogueError(
        f"{path} is damaged or no catalogue ({error.orig}); restore it from a backup,"
        " or move it away and add the articles again"
    )


def _connect(path: Path) -> sa.Engine:
    url = sa.URL.create("sqlite", database=str(path))
    engine = sa.create_engine(url, connect_args={"timeout": 10})

    @sa.event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        # The driver's own transaction handling would start none before a SELECT.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        mode = connection.get_execution_options().get("begin", "DEFERRED")
        connection.exec_driver_sql(f"BEGIN {mode}")

    return engine


def _upgrade(engine: sa.Engine, path: Path) -> None:
    """Migrate under a lock, so that two processes that start together do it once."""
    try:
        with (
            FileLock(path.with_suffix(".lock"), timeout=_LOCK_TIMEOUT_S),
            engine.execution_options(begin="IMMEDIATE").begin() as connection,
        ):
            migrate(connection, path)
    except Timeout as error:
        raise LibraryBusy(f"another process is upgrading {path}; try again in a moment") from error
