"""The catalogue's database: connecting, migrating, and its errors as the engine's."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa
from filelock import FileLock, Timeout

from index.errors import CatalogueError, LibraryBusy, StorageError
from index.schema import SCHEMA

_LOCK_TIMEOUT_S = 30


def open_database(path: Path) -> sa.Engine:
    """Connect to the SQLite file at ``path``, creating and upgrading it as needed."""
    with mapped(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _refuse_to_own(path.parent)
        engine = _connect(path)
        with engine.connect() as connection:
            found = _schema(connection)
        if found != SCHEMA:
            _upgrade(engine, path)
    return engine


def _refuse_to_own(folder: Path) -> None:
    """StorageError for root in the folder of another, who could not read what root writes."""
    if os.name == "nt" or os.geteuid() != 0 or folder.stat().st_uid == 0:
        return
    raise StorageError(
        f"{folder} belongs to {folder.owner()}, who could not read what root would write there;"
        f" run this as that user (sudo -u {folder.owner()} ...)"
    )


def back_up(engine: sa.Engine, file: Path) -> None:
    """Copy the whole database to ``file`` while it is in use, then check the copy.

    Raises StorageError when it cannot be written, CatalogueError when the copy is damaged.
    """
    if file.resolve() == Path(str(engine.url.database)).resolve():
        raise StorageError(f"{file} is the catalogue itself; choose another place for the copy")
    aside = file.with_name(f"{file.name}.part")
    try:
        with mapped(file):
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
def mapped(path: object) -> Iterator[None]:
    """Turn the database's and the file system's errors into the engine's."""
    try:
        yield
    except Timeout:
        raise  # an OSError by descent, but the caller knows best what was being waited for
    except sa.exc.DatabaseError as error:
        raise _database_error(path, error) from error
    except OSError as error:
        raise StorageError(
            f"the data folder cannot be used ({error}); check DATA_DIR, its permissions"
            " and the space on the disk"
        ) from error


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


def _schema(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return found


def _upgrade(engine: sa.Engine, path: Path) -> None:
    """Migrate under a lock, so that two processes that start together do it once."""
    try:
        with FileLock(path.with_suffix(".lock"), timeout=_LOCK_TIMEOUT_S):
            _migrate(engine, path)
    except Timeout as error:
        raise LibraryBusy(f"another process is upgrading {path}; try again in a moment") from error


def _migrate(engine: sa.Engine, path: Path) -> None:
    # A tenth of a second of imports that only a new or old catalogue needs.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "index:migrations")
    try:
        with engine.execution_options(begin="IMMEDIATE").begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        raise CatalogueError(
            f"{path} was written by another version of article-bot ({error});"
            " install the version that wrote it, or a newer one"
        ) from error
