"""Whose turn it is among the processes that share a database.

All times are the database's, since no two machines agree on theirs.
"""

from __future__ import annotations

import hashlib
import os
import socket
import time
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects.postgresql import insert

from index.errors import LibraryBusy
from index.postgres.tables import identifies, jobs, registrations

if TYPE_CHECKING:
    from index.postgres.database import PostgresDatabase

_SHARDS = "article_bot_shards"
"""A channel on which nobody speaks: whoever listens hears at once that the connection broke."""
ASKS_EVERY_S = 5.0
"""Of the server that keeps the locks, whether it still does."""
_OTHERS = """
    SELECT objid::bigint, application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND objsubid = 2 AND classid::bigint = %s
    AND pid <> pg_backend_pid()
    AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
"""Who has locks of two numbers, of which this is the first: the second, and the process."""


class Turns:
    """Safe to use from several threads and processes.

    Every method raises ``LibraryBusy`` and ``DatabaseAway`` where a later try may succeed.
    """

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def slot(self, bucket: int, *, every_s: float, within_s: float) -> float:
        """Take the next moment of ``bucket``, at least ``every_s`` after the last one that was
        taken; the seconds until it comes.

        Raises LibraryBusy when it would come later than in ``within_s``: none is taken then.
        """
        now, every = sa.func.clock_timestamp(), timedelta(seconds=every_s)
        taken = identifies.c.next_at
        # One statement, so that its row is locked no longer than it takes.
        take = (
            insert(identifies)
            .values(bucket=bucket, next_at=now + every)
            .on_conflict_do_update(
                index_elements=[identifies.c.bucket],
                set_={"next_at": sa.func.greatest(taken, now) + every},
                where=taken <= now + timedelta(seconds=within_s),
            )
            .returning(sa.extract("epoch", taken - every - now))
        )
        with self._database.writing() as connection:
            wait_s = connection.scalar(take)
        if wait_s is None:
            raise LibraryBusy(f"bucket {bucket}: many wait for their turn; try again soon")
        return max(0.0, float(wait_s))

    def registered(self, place: str) -> str:
        """The fingerprint of what was registered at ``place`` last, "" where nothing was."""
        query = sa.select(registrations.c.fingerprint).where(registrations.c.place == place)
        with self._database.reading() as connection:
            return connection.scalar(query) or ""

    def register(self, place: str, fingerprint: str) -> None:
        keep = insert(registrations).values(place=place, fingerprint=fingerprint)
        with self._database.writing() as connection:
            connection.execute(
                keep.on_conflict_do_update(
                    index_elements=[registrations.c.place], set_={"fingerprint": fingerprint}
                )
            )

    def alone(self, name: str, wait_s: float = 0) -> AbstractContextManager[None]:
        """While inside, no other process is inside with the same ``name``, as in ``cleaning``.

        Raises LibraryBusy on entry when another is for longer than ``wait_s``.
        """
        busy = f"another process is {name}; try again soon"
        return self._database.locked(f"turn {name}", wait_s, busy)

    @contextmanager
    def shards(self, bot: str, count: int, numbers: Collection[int]) -> Iterator[HeldShards]:
        """While inside, shards of ``bot`` can be held: these, of ``count`` in all its
        processes (0: of as many as Discord advises). ``bot`` may be a secret: what is sent is
        a part of its digest.

        The locks end with the connection: whoever is told ``DatabaseAway`` holds none any more.
        """
        me = f"article-bot {socket.gethostname()}:{os.getpid()}"
        with self._database.listening(_SHARDS) as connection:
            connection.execute("SELECT set_config('application_name', %s, false)", [me])
            yield HeldShards(connection, bot, count, numbers)

    def waiting(self) -> dict[str, tuple[int, float]]:
        """By kind, how many jobs no worker has begun, and the age of the oldest in seconds."""
        age = sa.extract("epoch", sa.func.now() - sa.func.min(jobs.c.created_at))
        query = (
            sa.select(jobs.c.kind, sa.func.count(), age)
            .where(jobs.c.done_at.is_(None), jobs.c.attempts == 0)
            .group_by(jobs.c.kind)
        )
        # On the primary: a standby may be behind, and workers need the primary anyway.
        with self._database.writing() as connection:
            return {
                kind: (count, float(oldest_s))
                for kind, count, oldest_s in connection.execute(query)
            }


class HeldShards:
    """Shards that no other process holds while this one does. Not thread-safe."""

    def __init__(
        self, connection: psycopg.Connection[Any], bot: str, count: int, numbers: Collection[int]
    ) -> None:
        digest = hashlib.sha256(bot.encode()).digest()
        self._of_shards, self._of_counts = (
            int.from_bytes(part) >> 1  # the numbers of a lock have a sign
            for part in (digest[:4], digest[4:8])
        )
        self._connection = connection
        self._count = count
        self._agreed = False
        self._asks_at = 0.0
        self._missing = sorted(numbers)

    def take(self) -> None:
        """Hold those that are not held yet, in their order.

        Raises LibraryBusy at the first that another process holds, or when one holds shards of
        another count. Those before it stay held: since all go by the same order, of any that
        wait for each other one gets all of its own.
        """
        if not self._agreed:
            self._agree()
        while self._missing:
            number = self._missing[0]
            if not self._lock("pg_try_advisory_lock", self._of_shards, number):
                by = dict(self._others(self._of_shards)).get(number, "which just ended")
                raise LibraryBusy(f"shard {number} is open in another process ({by})")
            del self._missing[0]

    def watch(self, timeout_s: float) -> None:
        """Return after so long; DatabaseAway as soon as the connection breaks, and soon after
        the server has begun to hang: another may have its place by then.
        """
        for _ in self._connection.notifies(timeout=timeout_s):
            pass
        if time.monotonic() > self._asks_at:
            self._connection.execute("SELECT 1")
            self._asks_at = time.monotonic() + ASKS_EVERY_S

    def _agree(self) -> None:
        """Shards of one count lie across those of another, whatever their numbers."""
        self._lock("pg_advisory_lock_shared", self._of_counts, self._count)
        for count, by in self._others(self._of_counts):
            if count != self._count:
                # Else two that wait for a third to end would wait for each other.
                self._lock("pg_advisory_unlock_shared", self._of_counts, self._count)
                raise LibraryBusy(
                    f"another process ({by}) opens shards of {_told(count)} in all, and this one"
                    f" of {_told(self._count)}"
                )
        self._agreed = True

    def _lock(self, function: str, key: int, number: int) -> bool:
        query = sql.SQL("SELECT {}(%s::int, %s::int)").format(sql.Identifier(function))
        return self._connection.execute(query, [key, number]).fetchone() == (True,)

    def _others(self, key: int) -> list[tuple[int, str]]:
        return self._connection.execute(_OTHERS, [key]).fetchall()


def _told(count: int) -> str:
    return str(count) if count else "as many as Discord advises"
