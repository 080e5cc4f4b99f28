"""What the catalogue needs of a database, whichever it is; and upgrading one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from filelock import Timeout
from sqlalchemy.dialects import postgresql, sqlite

from index.errors import CatalogueError, StorageError
from index.types import Scope


class Database(Protocol):
    """Safe to use from several threads and processes.

    Every method raises ``LibraryBusy`` and ``DatabaseAway`` where a later try may succeed,
    ``StorageError`` and ``CatalogueError`` where the operator must act.
    """

    where: str
    """Its name in messages."""

    def reading(self) -> AbstractContextManager[sa.Connection]:
        """A connection that sees one moment of the database in each of its statements."""

    def writing(self, changed: Scope | None = None) -> AbstractContextManager[sa.Connection]:
        """One transaction. Those that change the same scope exclude each other from their
        first statement on, so that what was read in it is still so when it is written.
        """

    def within(self, seconds: float) -> AbstractContextManager[None]:
        """Have this thread wait for a database of another machine no longer than that in all,
        and end in ``DatabaseAway`` then.
        """

    def back_up(self, file: Path) -> None:
        """Copy everything to ``file`` while it is in use, and check the copy."""

    def check(self) -> list[str]:
        """What the database's own integrity check complains of; empty when all is well."""

    def close(self) -> None: ...


@contextmanager
def mapped() -> Iterator[None]:
    """Turn the file system's errors into the engine's."""
    try:
        yield
    except Timeout:
        raise  # an OSError by descent, but the caller knows best what was being waited for
    except OSError as error:
        raise StorageError(
            f"the data folder cannot be used ({error}); check DATA_DIR, its permissions"
            " and the space on the disk"
        ) from error


def insert_missing(connection: sa.Connection, table: sa.Table) -> sa.Insert:
    """An INSERT that passes over the rows whose keys are there already."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


def schema_of(connection: sa.Connection) -> str | None:
    """The newest migration that a database has seen; None when it is empty."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return found


def migrate(connection: sa.Connection, where: object) -> None:
    """Bring a database to this program's schema, in the connection's transaction.

    Raises CatalogueError for the database of a newer program.
    """
    # A tenth of a second of imports that only a new or old catalogue needs.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "index:migrations")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise CatalogueError(
            f"{where} was written by another version of article-bot ({error});"
            " install the version that wrote it, or a newer one"
        ) from error
