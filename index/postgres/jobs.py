"""A queue of jobs that some processes put and others do.

A worker takes a job for the length of a lease, and renews it while it works; a lease that
ran out is another's to take. A result counts only from whoever holds the lease then, so
that a job is done once, though two may have worked on it. Whoever put it collects the
result, and with that the job is gone. All times are those of the database's clock.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa

from index import errors
from index.errors import DatabaseAway, DeadlineExceeded, EngineError, TryAgain, WorkersBusy
from index.postgres.database import PostgresDatabase
from index.postgres.notices import Bell, Notices
from index.postgres.tables import jobs
from index.types import Scope

CHANNEL = "article_bot_jobs"
"""Told "+" and its kind when a job was put, and its id when it is done."""
ATTEMPTS = 3
POLL_S = 1.0
"""Between looks of those who wait, since notices can be lost."""
KEPT_S = 60
"""How long a result waits to be collected."""

_ERRORS = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, EngineError)
}
_Condition = sa.ColumnElement[bool]
_OPEN = jobs.c.done_at.is_(None)
_GIVEN_UP = {
    "error": "EngineError",
    "said": "every worker that began this ended without an answer; the workers' logs tell why",
}


@dataclass(frozen=True, slots=True)
class Job:
    """A job that ``worker`` has begun, for the ``attempts``-th time; expires in ``left_s``.

    ``put_at`` is when it was put, by the database's clock.
    """

    scope: Scope
    id: str
    kind: str
    asked: Any
    worker: str
    attempts: int
    left_s: float
    put_at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many jobs nobody has begun, and the age of the oldest in seconds, 0 without any."""

    count: int
    oldest_s: float


class Jobs:
    """Safe to use from several threads. Everything but ``wait`` raises DatabaseAway where it
    does; a job that was begun ``attempts`` times is not begun again.
    """

    def __init__(self, database: PostgresDatabase, *, attempts: int = ATTEMPTS) -> None:
        self._database = database
        self._attempts = attempts
        self._put: dict[frozenset[str], Bell] = {}
        self._done: dict[str, threading.Event] = {}
        self.notices = Notices(database, CHANNEL, self._hear).start()

    @classmethod
    def open(cls, url: str) -> Self:
        """The queue of the database at ``url``, which has its tables already."""
        return cls(PostgresDatabase(url))

    def close(self) -> None:
        self.notices.close()
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # Whoever wants something done

    def within(self, seconds: float) -> AbstractContextManager[None]:
        """As ``Database.within``."""
        return self._database.within(seconds)

    def put(self, scope: Scope, kind: str, asked: Any, expires_in_s: float) -> str:
        """Queue a job, and return its id. ``asked`` is what JSON can hold, less U+0000."""
        job_id = secrets.token_hex(8)
        with self._database.writing() as connection:
            connection.execute(
                sa.insert(jobs).values(
                    scope=scope.key,
                    id=job_id,
                    kind=kind,
                    asked=asked,
                    created_at=sa.func.now(),
                    expires_at=_after(expires_in_s),
                )
            )
            _notify(connection, f"+{kind}")
        return job_id

    def wait(
        self,
        scope: Scope,
        job_id: str,
        timeout_s: float,
        *,
        begun_within_s: float | None = None,
        told: Callable[[Any], None] | None = None,
        withdraw: bool = True,
    ) -> Any:
        """Wait for a job's result and collect it.

        ``told`` hears with each look what ``tell`` said last, None before. A job that is given
        up is withdrawn, or, without ``withdraw``, still done.

        Raises:
            DeadlineExceeded: it is not done within ``timeout_s``, or expired.
            WorkersBusy: no worker has begun it within ``begun_within_s``.
            EngineError: that is what came of the job; of the class that the worker raised.
        """
        mine = sa.and_(jobs.c.scope == scope.key, jobs.c.id == job_id)
        with self._hearing(job_id) as woken:
            try:
                result = self._awaited(mine, woken, timeout_s, begun_within_s, told)
            except BaseException:
                if withdraw:
                    self._withdraw(mine)
                raise
        if "error" in result:
            raise _ERRORS.get(result["error"], EngineError)(result["said"])
        return result["value"]

    def withdraw_all(self, scope: Scope) -> None:
        """Delete all jobs of a scope; those that were begun come to nothing."""
        with self._database.writing() as connection:
            connection.execute(sa.delete(jobs).where(jobs.c.scope == scope.key))

    def waiting(self, kind: str) -> Waiting:
        """What nobody has begun; what was withdrawn or expired counts until it is pruned."""
        count = sa.func.count()
        age = sa.func.now() - sa.func.min(jobs.c.created_at)
        query = sa.select(count, sa.extract("epoch", age)).where(
            _OPEN, jobs.c.attempts == 0, jobs.c.kind == kind
        )
        with self._database.writing() as connection:
            number, oldest_s = connection.execute(query).one()
        return Waiting(int(number), float(oldest_s or 0))

    # Workers

    def take(self, worker: str, lease_s: float, kinds: Collection[str]) -> Job | None:
        """Begin the oldest job of ``kinds`` that nobody works on; None when there is none."""
        free = sa.or_(jobs.c.held_until.is_(None), jobs.c.held_until < sa.func.now())
        next_one = (
            sa.select(jobs, sa.extract("epoch", jobs.c.expires_at - sa.func.now()).label("left_s"))
            .where(
                _OPEN,
                free,
                jobs.c.kind.in_(kinds),
                jobs.c.expires_at > sa.func.now(),
                jobs.c.attempts < self._attempts,
            )
            .order_by(jobs.c.created_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        with self._database.writing() as connection:
            row = connection.execute(next_one).one_or_none()
            if row is None:
                return None
            attempts = row.attempts + 1
            connection.execute(
                sa.update(jobs)
                .where(jobs.c.scope == row.scope, jobs.c.id == row.id)
                .values(worker=worker, held_until=_after(lease_s), attempts=attempts)
            )
        scope, left_s = Scope(row.scope), float(row.left_s)
        return Job(scope, row.id, row.kind, row.asked, worker, attempts, left_s, row.created_at)

    def idle(self, timeout_s: float, kinds: Collection[str]) -> None:
        """Wait until there may be a job of ``kinds`` to take."""
        self._put.setdefault(frozenset(kinds), Bell()).wait(timeout_s)

    def renew(self, job: Job, lease_s: float) -> bool:
        """Hold a job for longer; False when it is another's by now, done, or gone."""
        return self._update(job, held_until=_after(lease_s))

    def tell(self, job: Job, far: Any) -> bool:
        """Say how far a job has come, in what JSON can hold; as ``finish``."""
        return self._update(job, result=far)

    def finish(self, job: Job, value: Any) -> bool:
        """Say what came of a job; False, and nothing said, when it is not this worker's now.

        ``value`` is what JSON can hold, less U+0000.
        """
        return self._update(job, done_at=sa.func.now(), result={"value": value})

    def fail(self, job: Job, error: EngineError) -> bool:
        """Say that a job ended in an error of ``index.errors``; as ``finish``."""
        name = next(kind.__name__ for kind in type(error).__mro__ if kind.__name__ in _ERRORS)
        said = str(error).replace("\0", "")
        return self._update(job, done_at=sa.func.now(), result={"error": name, "said": said})

    def release(self, job: Job) -> bool:
        """Leave a job to whoever takes it next; as ``finish``."""
        return self._update(job, held_until=sa.func.now())

    def prune(self) -> None:
        """Give up what was begun too often, and delete what nobody waits for any more.

        Workers do this, and nobody else: what has expired and is still there tells the others
        that no worker is.
        """
        now = sa.func.now()
        out_of_tries = sa.and_(_OPEN, jobs.c.attempts >= self._attempts, jobs.c.held_until < now)
        past = sa.or_(
            sa.and_(_OPEN, jobs.c.expires_at < now),
            jobs.c.done_at < now - timedelta(seconds=KEPT_S),
        )
        given_up = (
            sa.update(jobs)
            .where(_unlocked(out_of_tries))
            .values(done_at=now, result=_GIVEN_UP)
            .returning(jobs.c.id)
        )
        with self._database.writing() as connection:
            for job_id in connection.scalars(given_up).all():
                _notify(connection, job_id)
            connection.execute(sa.delete(jobs).where(_unlocked(past)))

    def _update(self, job: Job, **values: Any) -> bool:
        """Change a job while it is still its holder's."""
        held = (
            jobs.c.scope == job.scope.key,
            jobs.c.id == job.id,
            jobs.c.worker == job.worker,
            jobs.c.attempts == job.attempts,
            _OPEN,
        )
        with self._database.writing() as connection:
            changed = connection.execute(sa.update(jobs).where(*held).values(**values)).rowcount
            if changed and "done_at" in values:
                _notify(connection, job.id)
        return bool(changed)

    # Waiting

    def _awaited(
        self,
        mine: _Condition,
        woken: threading.Event,
        timeout_s: float,
        begun_within_s: float | None,
        told: Callable[[Any], None] | None,
    ) -> dict[str, Any]:
        started = time.monotonic()
        begun = begun_within_s is None
        while True:
            woken.clear()
            with suppress(DatabaseAway):  # it may be back in time
                result, attempts, far = self._collected(mine)
                if result is not None:
                    return result
                begun = begun or attempts > 0
                if told:
                    told(far)
            waited = time.monotonic() - started
            if waited >= timeout_s:
                raise DeadlineExceeded(f"no answer within {timeout_s:g} s; try again in a moment")
            until = timeout_s
            if not begun and begun_within_s is not None:
                if waited >= begun_within_s:
                    raise WorkersBusy(
                        f"no worker began this within {begun_within_s:g} s; try again in a moment"
                    )
                until = min(timeout_s, begun_within_s)
            woken.wait(min(POLL_S, until - waited))

    def _collected(self, mine: _Condition) -> tuple[dict[str, Any] | None, int, Any]:
        """The result, which is deleted with the job, or None; then how often it was begun, and
        how far it has come.
        """
        done = sa.delete(jobs).where(mine, sa.not_(_OPEN)).returning(jobs.c.result)
        with self._database.writing() as connection:
            result: dict[str, Any] | None = connection.scalar(done)
            if result is not None:
                return result, 1, None
            open_one = sa.select(jobs.c.attempts, jobs.c.result).where(mine)
            row = connection.execute(open_one).one_or_none()
        if row is None:
            raise DeadlineExceeded("no answer in the time allowed; try again in a moment")
        return None, int(row.attempts), row.result

    def _withdraw(self, mine: _Condition) -> None:
        """Let nobody begin a job any more, and keep nothing of what was asked."""
        now = sa.func.now()
        with suppress(TryAgain), self._database.writing() as connection:
            connection.execute(
                sa.update(jobs)
                .where(mine, _OPEN)
                .values(expires_at=sa.func.least(jobs.c.expires_at, now), asked={})
            )

    @contextmanager
    def _hearing(self, job_id: str) -> Iterator[threading.Event]:
        self._done[job_id] = threading.Event()
        try:
            yield self._done[job_id]
        finally:
            del self._done[job_id]

    def _hear(self, payload: str | None) -> None:
        if payload is None:  # anything may have happened
            for event in list(self._done.values()):
                event.set()
        elif (woken := self._done.get(payload)) is not None:
            woken.set()
        for kinds, bell in list(self._put.items()):
            if payload is None or payload.removeprefix("+") in kinds:
                bell.ring()


def _unlocked(which: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Those of them that nobody is changing, locked: a worker that hangs holds nobody up."""
    found = sa.select(jobs.c.scope, jobs.c.id).where(which).with_for_update(skip_locked=True)
    return sa.tuple_(jobs.c.scope, jobs.c.id).in_(sa.select(found.cte()))


def _after(seconds: float) -> sa.ColumnElement[Any]:
    return sa.func.now() + timedelta(seconds=seconds)


def _notify(connection: sa.Connection, payload: str) -> None:
    connection.execute(sa.select(sa.func.pg_notify(CHANNEL, payload)))
