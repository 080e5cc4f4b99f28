"""A folder's catalogue -> PostgreSQL: copied, read back and compared, nothing overwritten.

Each scope is copied and compared in one transaction, so that a scope that is there is there
whole: what was interrupted goes on with the others when it is run again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import sqlalchemy as sa

from index.errors import CatalogueError, StorageError
from index.postgres.database import PostgresDatabase
from index.schema import metadata, vectors, versions
from index.sqlite import SqliteDatabase
from index.types import Progress, Scope

_ROWS = 1_000
_ROWS_OF = {versions.name: 8}
"""Rows in memory at once: fewer where each may hold a text of some megabytes."""
_NUL, _INSTEAD = "\0", "\ufffd"
_NAMED = 10
_DIGEST_BYTES = 16

Row = dict[str, Any]
Counts = dict[str, dict[str, int]]
"""By scope and table; nothing stands for none."""


@dataclass(frozen=True, slots=True)
class Migrated:
    """A scope that PostgreSQL holds as the folder does, and how many rows of each table it has."""

    scope: Scope
    rows: Mapping[str, int]
    copied: bool
    """False: it was there already."""


class Sum(NamedTuple):
    """How many rows, and a digest of their values, whatever their order."""

    rows: int
    digest: int


class Migration:
    """From one folder to one database. Open it with ``Migration.open``; use ``with``."""

    def __init__(self, file: Path, source: SqliteDatabase, target: PostgresDatabase) -> None:
        self._file = file
        self._source = source
        self._target = target

    @classmethod
    def open(cls, data_dir: Path, url: str) -> Self:
        """Connect to both, and upgrade those of an older program as any other use does.

        Raises:
            StorageError: the folder holds no library, or cannot be used.
            CatalogueError: either is damaged, or of a newer program.
            DatabaseAway: nobody answers at ``url``.
        """
        file = data_dir / "catalogue.sqlite"
        if not file.exists():
            raise StorageError(
                f"{data_dir} holds no library (catalogue.sqlite); set DATA_DIR to the bot's folder"
            )
        with ExitStack() as opened:
            source = opened.enter_context(closing(SqliteDatabase.open(file)))
            target = PostgresDatabase.open(url)
            opened.pop_all()
        return cls(file, source, target)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._target.close()
        self._source.close()

    def run(self, progress: Progress, *, replace_nul: bool = False) -> list[Migrated]:
        """Copy all that the folder holds but its indexes; whoever writes to it waits meanwhile.

        ``replace_nul`` writes U+FFFD for U+0000, which PostgreSQL cannot store.

        Raises:
            CatalogueError: the folder is damaged or holds U+0000, or the database holds a scope
                otherwise, before anything was copied; or the database returned other rows of a
                scope than were written, and that scope was taken back.
            LibraryBusy: another process writes to the folder, or migrates to the database.
            DatabaseAway, StorageError: the database failed; what was copied stays.
        """
        where = self._target.where
        busy = f"another process migrates to {where} just now; wait until it is done"
        with self._target.locked("migrate", 0, busy), self._source.writing() as reading:
            if problems := self._source.check():
                raise CatalogueError(
                    f"{self._file} is damaged ({problems[0]}); restore a backup, and migrate that"
                )
            if not replace_nul:
                _refuse_nul(reading, self._file)
            return _Copying(reading, self._target, progress, replace_nul=replace_nul).run()


class _Copying:
    """``reading`` sees one state of the folder, which nobody changes while it is open."""

    def __init__(
        self,
        reading: sa.Connection,
        target: PostgresDatabase,
        progress: Progress,
        *,
        replace_nul: bool,
    ) -> None:
        self._reading = reading
        self._target = target
        self._progress = progress
        self._replace_nul = replace_nul

    def run(self) -> list[Migrated]:
        here = _counts(self._reading)
        with _unhurried(self._target) as connection:
            there = _counts(connection)
        self._refuse_others(here, there)
        missing = sorted(here.keys() - there.keys())
        total = sum(sum(here[key].values()) for key in missing)
        done = 0
        for key in missing:
            done = self._copy(key, done, total)
        return [Migrated(Scope(key), here[key], key in missing) for key in sorted(here)]

    def _refuse_others(self, here: Counts, there: Counts) -> None:
        """CatalogueError where a scope is there already and other than here."""
        differ = []
        known = sorted(here.keys() & there.keys())
        for number, key in enumerate(known):
            self._progress("comparing what is there", number, len(known))
            if tables := self._different(key, here[key], there[key]):
                differ.append(f"{key} ({', '.join(tables)})")
        if differ:
            raise CatalogueError(
                f"{self._target.where} already holds, and not as this folder does:"
                f" {_several(differ)}. Nothing was copied or overwritten. Migrate to an empty"
                " database, or keep the one that is there"
            )

    def _different(self, key: str, here: Mapping[str, int], there: Mapping[str, int]) -> list[str]:
        """The tables whose rows of a scope differ."""
        # Vectors are a cache that may have grown; those that were copied were compared then.
        fewer = here.get(vectors.name, 0) > there.get(vectors.name, 0)
        others = [table for table in metadata.sorted_tables if table is not vectors]
        with _unhurried(self._target) as connection:
            return [vectors.name] * fewer + [
                table.name
                for table in others
                if here.get(table.name, 0) != there.get(table.name, 0)
                or _sum(self._rows(table, key)) != _sum(_batches(connection, table, key))
            ]

    def _copy(self, key: str, done: int, total: int) -> int:
        """Copy a scope, read it back, and keep it only when both are alike; rows done by then."""
        with _unhurried(self._target, Scope(key)) as connection:

            def step(rows: int) -> None:
                nonlocal done
                done += rows
                self._progress(f"copying {key}", done, total)

            step(0)
            written = {
                table: _sum(_written(connection, table, self._rows(table, key), step))
                for table in metadata.sorted_tables
            }
            for table, expected in written.items():
                found = _sum(_batches(connection, table, key))
                if found != expected:
                    raise CatalogueError(
                        f"{self._target.where} returns other {table.name} of {key} than were"
                        f" written ({found.rows:,} rows for {expected.rows:,}); nothing of {key}"
                        " was kept there. See that no bot uses that database, and migrate again"
                    )
        return done

    def _rows(self, table: sa.Table, key: str) -> Iterator[list[Row]]:
        return _batches(self._reading, table, key, replace_nul=self._replace_nul)


@contextmanager
def _unhurried(target: PostgresDatabase, changed: Scope | None = None) -> Iterator[sa.Connection]:
    """A transaction whose statements may take their time."""
    with target.writing(changed) as connection:
        connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
        yield connection


def _counts(connection: sa.Connection) -> Counts:
    counts: Counts = {}
    for table in metadata.sorted_tables:
        query = sa.select(table.c.scope, sa.func.count()).group_by(table.c.scope)
        for key, rows in connection.execute(query):
            counts.setdefault(key, {})[table.name] = rows
    return counts


def _batches(
    connection: sa.Connection, table: sa.Table, key: str, *, replace_nul: bool = False
) -> Iterator[list[Row]]:
    """The rows of a scope, some at a time, alike from either database."""
    at_once = _ROWS_OF.get(table.name, _ROWS)
    texts = [c.name for c in table.c if isinstance(c.type, sa.Text)] if replace_nul else []
    times = [c.name for c in table.c if isinstance(c.type, sa.DateTime)]
    query = sa.select(table).where(table.c.scope == key).execution_options(yield_per=at_once)
    with connection.execute(query) as result:
        for part in result.mappings().partitions():
            rows = [dict(row) for row in part]
            for row in rows:
                for name in texts:
                    row[name] = row[name] and row[name].replace(_NUL, _INSTEAD)
                for name in times:
                    row[name] = row[name] and _in_utc(row[name])
            yield rows


def _in_utc(at: datetime) -> datetime:
    """SQLite keeps no zone, and it is always this one."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _written(
    connection: sa.Connection,
    table: sa.Table,
    batches: Iterable[list[Row]],
    step: Callable[[int], None],
) -> Iterator[list[Row]]:
    """The same batches, each written to ``table`` on its way."""
    for rows in batches:
        connection.execute(sa.insert(table), rows)
        step(len(rows))
        yield rows


def _sum(batches: Iterable[list[Row]]) -> Sum:
    count = digest = 0
    for rows in batches:
        count += len(rows)
        digest += sum(map(_digest, rows))
    return Sum(count, digest % 2 ** (8 * _DIGEST_BYTES))


def _digest(row: Row) -> int:
    hasher = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for value in row.values():
        told = value if isinstance(value, bytes) else repr(value).encode()
        hasher.update(len(told).to_bytes(8, "big"))
        hasher.update(told)
    return int.from_bytes(hasher.digest(), "big")


def _refuse_nul(reading: sa.Connection, file: Path) -> None:
    """CatalogueError that names each row that holds what PostgreSQL's text cannot."""
    found = [place for table in metadata.sorted_tables for place in _with_nul(reading, table)]
    if found:
        raise CatalogueError(
            f"{file} holds the character U+0000, which PostgreSQL cannot store, in"
            f" {_several(found)}; nothing was copied. `article-bot migrate --replace-nul` writes"
            " U+FFFD in its place there"
        )


def _with_nul(reading: sa.Connection, table: sa.Table) -> Iterator[str]:
    # JSON is text with U+0000 escaped, and PostgreSQL keeps that as it is.
    texts = [column for column in table.c if isinstance(column.type, sa.Text)]
    holds = sa.or_(*(sa.func.instr(column, sa.func.char(0)) > 0 for column in texts))
    for key in reading.execute(sa.select(*table.primary_key.columns).where(holds)):
        scope, *rest = map(str, key)
        if table is versions:
            yield f"version {rest[1]} of article {rest[0]} of {scope}"
        else:
            yield f"{table.name} {' '.join(rest)} of {scope}"


def _several(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
