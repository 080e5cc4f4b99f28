"""PostgreSQL: connecting, through a failover too, and its errors as the engine's.

The address may name several hosts, as libpq reads it: the primary and its standbys in any
order. Both reading and writing go to the primary; while there is none, reading to any that answers.
"""

from __future__ import annotations

import difflib
import re
import select
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from math import ceil, inf
from pathlib import Path
from typing import Any, Self

import psycopg
import sqlalchemy as sa
from psycopg import pq, sql
from psycopg.conninfo import conninfo_to_dict

from index.database import migrate, schema_of
from index.errors import CatalogueError, DatabaseAway, LibraryBusy, StorageError
from index.schema import SCHEMA
from index.types import Scope

_OLDEST = 16
_OLDEST_VECTOR = (0, 8)

_PATIENCE: dict[str, Any] = {
    # Seconds, but for the last.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 6_000,
}
_CONNECT_S = 3
"""For each host: a dead one is told from a slow one soon enough to ask another."""
_LOCK_S = 10
_STATEMENT_S = 15
_SILENT_S = 20
"""A server that ends no statement by then itself hangs, and would not end it ever."""
_SETTINGS = f"""
    SET timezone = 'UTC';
    SET statement_timeout = '{_STATEMENT_S}s'; SET lock_timeout = '{_LOCK_S}s';
    SET idle_in_transaction_session_timeout = '60s';
    SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3;
    SET tcp_user_timeout = 10000;
    SET hnsw.ef_search = 400; SET hnsw.iterative_scan = 'relaxed_order'
"""
"""The keepalives let go of the locks of a machine that is gone; without the last setting a search
by graph that leaves rows out comes back short.
"""
_POOL = 5
_POOL_OVERFLOW = 20

_AWAY = ("08", "57", "40001", "53300", "25006", "25P03", "42P01")
"""Cut off, shut down or starting, cancelled by recovery, too many connections, a standby that is
not promoted yet, idle for too long; and a table that went with its generation.
"""
_FULL = ("53100", "53200")
_FULL_DISK = "No space left on device"
"""It refuses to connect with these words after a restart, and without a code."""
_BUSY = ("55P03", "40P01")
_UNFIT = (
    ("28", "password authentication failed|no pg_hba", "see whether user and password are right"),
    ("3D", 'database ".*" does not exist', "create it (createdb -O USER NAME)"),
    ("28", 'role ".*" does not exist', "create the user (createuser)"),
    ("42501", None, "let the user of DATABASE_URL own the database (createdb -O USER NAME)"),
    ("42P07", None, "it holds tables of something else; take an empty database"),
    (
        "-",
        "does not support SSL|invalid sslmode|invalid integer|invalid port",
        "see whether DATABASE_URL is right",
    ),
)
"""Codes, or, as a refusal to connect comes without one, words; and what to do."""
_OPTION = "query parameter|connection option"
"""How the driver calls what follows the ? of an address."""


class _OfThread(threading.local):
    """What one thread is about: how many locks it holds, and until when it waits."""

    locks = 0
    until = inf

    def waits_until(self) -> float:
        # What is built under a lock takes as long as it takes.
        return inf if self.locks else min(self.until, time.monotonic() + _SILENT_S)


class _Connection(psycopg.Connection[Any]):
    """One that waits no longer than its thread does, and then is closed.

    The server's own limits end nothing where that hangs, and the network's nothing where another
    machine between the two still takes what is sent.
    """

    of_thread: _OfThread

    def wait(self, gen: Generator[Any, Any, Any], *limits: Any, **named: Any) -> Any:
        return super().wait(self._limited(gen), *limits, **named)

    def _limited(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        until = self.of_thread.waits_until()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted  # nothing, ten times a second; from psycopg 3.2.11 on
                if not ready and time.monotonic() > until:
                    self.close()
                    raise psycopg.OperationalError("it has not answered in time")
                wanted = gen.send(ready)
        except StopIteration as done:
            return done.value


class PostgresDatabase:
    """One database, and a pool of connections each for what reads and for what writes."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.where = _named(url)
        self._readers = self._pool("read-write", "any", isolation_level="AUTOCOMMIT")
        self._writers = self._pool("read-write")
        self._reader_places, self._writer_places = (
            threading.BoundedSemaphore(_POOL + _POOL_OVERFLOW) for _ in range(2)
        )
        self._of_thread = _OfThread()

    @classmethod
    def open(cls, url: str) -> Self:
        """Connect to the database at ``url``, a URL of libpq's, and upgrade it as needed.

        Raises:
            CatalogueError: it is too old, lacks pgvector, or is that of a newer program.
            DatabaseAway: nobody answers there.
        """
        database = cls(url)
        try:
            with database.reading() as connection:
                found = schema_of(connection)
            if found != SCHEMA:
                database._upgrade()
        except BaseException:
            database.close()
            raise
        return database

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        pool, places = self._readers, self._reader_places
        # What is decided under a lock must not rest on a standby that is behind.
        if self._of_thread.locks:
            pool = self._writers.execution_options(isolation_level="AUTOCOMMIT")
            places = self._writer_places
        with self._mapped(), self._place_in(places), pool.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, changed: Scope | None = None) -> Iterator[sa.Connection]:
        with (
            self._mapped(),
            self._place_in(self._writer_places),
            self._writers.begin() as connection,
        ):
            if changed is not None:
                hold(connection, f"change {changed.key}")
            yield connection

    @contextmanager
    def locked(self, name: str, wait_s: float, busy: str) -> Iterator[None]:
        """Hold the lock of that name, across all processes, for as long as it takes.

        While a thread is inside, it reads from the primary alone. The lock is lost with the
        server: what is done under it must bear that another does it too. Raises LibraryBusy,
        saying ``busy``, when another has it for longer than ``wait_s``.
        """
        with self._mapped():
            connection = self._connect("read-write")
            connection.autocommit = True
        try:
            with self._mapped():
                until = time.monotonic() + wait_s
                query = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
                while connection.execute(query, [name]).fetchone() != (True,):
                    if time.monotonic() > until:
                        raise LibraryBusy(busy)
                    time.sleep(0.05)
            with self._unhurried():
                yield
        finally:
            connection.close()  # and with it the lock

    @contextmanager
    def _place_in(self, places: threading.BoundedSemaphore) -> Iterator[None]:
        """Wait for a connection to be free, no longer than this thread waits at all."""
        left_s = self._of_thread.waits_until() - time.monotonic()
        if not places.acquire(timeout=max(0.0, min(left_s, _LOCK_S))):
            raise DatabaseAway(f"{self.where} is overloaded; try again in a moment")
        try:
            yield
        finally:
            places.release()

    @contextmanager
    def _unhurried(self) -> Iterator[None]:
        self._of_thread.locks += 1
        try:
            yield
        finally:
            self._of_thread.locks -= 1

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Have this thread wait for the database no longer than so many seconds in all.

        What takes longer ends in DatabaseAway; but for connecting, which may take up to three
        seconds for each host, and for what is done under a lock, it ends then.
        """
        before = self._of_thread.until
        self._of_thread.until = min(before, time.monotonic() + seconds)
        try:
            yield
        finally:
            self._of_thread.until = before

    @contextmanager
    def listening(self, channel: str) -> Iterator[psycopg.Connection[Any]]:
        """A connection to the primary that hears what is notified on ``channel``."""
        with self._mapped(), closing(self._connect("read-write")) as connection:
            connection.autocommit = True
            connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            yield connection

    def back_up(self, file: Path) -> None:
        raise StorageError(
            f"{file} was not written: PostgreSQL is backed up by its own tools (pg_dump, or the"
            " archive of its log)"
        )

    def check(self) -> list[str]:
        with self.reading() as connection:
            found = schema_of(connection)
        return [] if found == SCHEMA else [f"{self.where} has schema {found}, not {SCHEMA}"]

    def close(self) -> None:
        self._readers.dispose()
        self._writers.dispose()

    def _upgrade(self) -> None:
        with self._unhurried(), self.writing() as connection:
            connection.execute(sa.text("SET LOCAL lock_timeout = 0"))
            hold(connection, "upgrade")  # so that two processes that start together do it once
            _require(connection, self.where)
            connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
            migrate(connection, self.where)

    def _pool(self, *attributes: str, **chosen: Any) -> sa.Engine:
        """Connections to a host of the first of these attributes that any has."""
        pool = sa.create_engine(
            "postgresql+psycopg://",
            creator=lambda: self._connect(*attributes),
            hide_parameters=True,  # questions are among them, and who asked
            pool_size=_POOL,
            max_overflow=_POOL_OVERFLOW,
            pool_timeout=_LOCK_S,
            pool_use_lifo=True,
            **chosen,
        )
        sa.event.listen(pool, "checkout", _refuse_dead)
        return pool

    def _connect(self, attributes: str, *others: str) -> psycopg.Connection[Any]:
        left_s = self._of_thread.waits_until() - time.monotonic()
        if left_s <= 0:
            raise psycopg.OperationalError("there was no time to connect")
        try:
            connection = _Connection.connect(
                self._url,
                autocommit=True,
                target_session_attrs=attributes,
                connect_timeout=ceil(min(left_s, _CONNECT_S)),
                **_PATIENCE,
            )
        except psycopg.OperationalError:
            if not others:
                raise
            return self._connect(*others)
        connection.of_thread = self._of_thread
        try:
            connection.execute(_SETTINGS)
            connection.autocommit = False
        except psycopg.Error:
            connection.close()
            raise
        return connection

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.TimeoutError as error:  # no connection of the pool became free
            raise DatabaseAway(f"{self.where} is overloaded; try again in a moment") from error
        except sa.exc.DBAPIError as error:
            raise self._told(error.orig, error) from error
        except psycopg.Error as error:
            raise self._told(error, error) from error

    def _told(self, error: BaseException | None, whole: Exception) -> Exception:
        code, said = "", str(error or whole)
        if isinstance(error, psycopg.Error):
            code = error.sqlstate or ""
            # What the server adds to it may show what is stored.
            said = error.diag.message_primary or said
        said = re.sub(r"\s*\n\s*", ". ", said.strip())
        if code == "25006":  # no primary any more
            self._writers.dispose()
        if code.startswith(_FULL) or (not code and _FULL_DISK in said):
            return StorageError(
                f"{self.where} is out of space ({said}); make room on its disk and try again."
                " What was there before stays"
            )
        if code.startswith(_BUSY):
            return LibraryBusy("another process is changing the same articles; try again soon")
        for start, words, cure in _UNFIT:
            if code.startswith(start) or (not code and words and re.search(words, said)):
                return CatalogueError(f"{self.where} cannot be used ({said}); {cure}")
        cut_off = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        if code.startswith(_AWAY) or (cut_off and not code):
            return DatabaseAway(
                f"{self.where} does not answer ({said}); try again in a moment, and see whether"
                " it runs and DATABASE_URL is right"
            )
        return CatalogueError(f"{self.where} failed: {said}")


def _refuse_dead(connection: Any, _record: object, _proxy: object) -> None:
    """Have another connection made where the server of this one is gone.

    Nobody speaks on an idle connection but a server that ends it. To look costs microseconds,
    where a ping would cost each query a journey.
    """
    if connection.closed or _is_readable(connection.pgconn.socket):
        raise sa.exc.InvalidatePoolError


def _is_readable(descriptor: int) -> bool:
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([descriptor], [], [], 0)[0])
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(0))


def hold(connection: sa.Connection, name: str) -> None:
    """Hold the lock of that name until the transaction ends."""
    connection.execute(
        sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name}
    )


def _require(connection: sa.Connection, where: str) -> None:
    """CatalogueError unless the server is new enough and has pgvector."""
    version = int(connection.scalar(sa.text("SHOW server_version_num")) or 0) // 10_000
    if version < _OLDEST:
        raise CatalogueError(f"{where} is PostgreSQL {version}; article-bot needs {_OLDEST}")
    offered = connection.scalar(
        sa.text("SELECT default_version FROM pg_available_extensions WHERE name = 'vector'")
    )
    if offered is None or tuple(map(int, offered.split(".")[:2])) < _OLDEST_VECTOR:
        raise CatalogueError(
            f"{where} needs the extension pgvector 0.8 or newer, and offers {offered or 'none'};"
            " install it on the server (the package postgresql-18-pgvector, say)"
        )
    installed = sa.text("SELECT 1 FROM pg_extension WHERE extname = 'vector'")
    if connection.scalar(installed):
        return
    try:
        connection.execute(sa.text("CREATE EXTENSION vector"))
    except sa.exc.ProgrammingError as error:
        raise CatalogueError(
            f"{where} does not let its owner add pgvector; have a superuser run"
            " CREATE EXTENSION vector in it"
        ) from error


def _named(url: str) -> str:
    """The address without its secrets; StorageError for one that is none."""
    try:
        parts = {"host": "this machine", "port": "", "dbname": "", **conninfo_to_dict(url)}
    except psycopg.Error as error:
        said = str(error)
        # With an @ behind the ?, a / in the password cut the address short.
        if re.search(_OPTION, said) and "@" not in url.partition("?")[2]:
            raise StorageError(
                f"DATABASE_URL has an option that PostgreSQL cannot read{_meant(said)};"
                " see what follows the ?"
            ) from None
        parts = {"host": "@", "dbname": ""}
    host, name = str(parts["host"]), str(parts["dbname"])
    if "@" in host + name or "/" in name:
        # It may be a part of the password, and so may what the driver says.
        raise StorageError(
            "DATABASE_URL is no address of a database; write it as in"
            " postgresql://user:password@host/name, with %40 for an @ in the password, %2F for a /,"
            " %20 for a space"
        )
    ports = f":{parts['port']}" if parts.get("port") else ""
    return f"PostgreSQL at {host}{ports}/{name}"


def _meant(said: str) -> str:
    """The option that was meant, by its known name: what was written may be a secret."""
    written = re.search(rf'(?:{_OPTION}):? "(\w+)"', said)
    known = [one.keyword.decode() for one in pq.Conninfo.get_defaults()]
    near = difflib.get_close_matches(written[1], known, 1) if written else []
    return f" ({near[0]}=..., perhaps?)" if near else ""
