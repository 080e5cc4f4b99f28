"""Whose turn it is among the processes that share a database.

All times are the database's, since no two machines agree on theirs.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from index.errors import LibraryBusy
from index.postgres.tables import identifies, registrations

if TYPE_CHECKING:
    from index.postgres.database import PostgresDatabase


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
