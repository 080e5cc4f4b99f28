"""Doing the jobs of a queue until told to stop."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
import traceback
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Any

from index.errors import DatabaseAway, EngineError, TryAgain
from index.postgres.jobs import POLL_S, Job, Jobs
from index.types import Progress

log = logging.getLogger(__name__)

Task = Callable[[Job, Progress], Any]
"""Does a job, tells how far it has come, and returns what JSON can hold."""
Told = Callable[[str, bool, float], None]
"""Of a job that ended: its kind, whether it succeeded, and the seconds that it took."""

LEASE_S = 5.0
"""What a question loses when its worker is killed."""
_RENEWALS = 5
"""Within a lease, so that a slow machine does not lose one."""
_RETRY_S = 1.0
_TELL_EVERY_S = 0.5


class Worker:
    """Does jobs by ``tasks``, one for each kind, ``threads`` at once.

    Those of ``long`` are done beside them, one at a time, so that nothing waits for them, and
    are begun again where a later try may succeed; ``told`` hears of each job that ended.
    """

    def __init__(
        self,
        jobs: Jobs,
        tasks: Mapping[str, Task],
        *,
        threads: int = 1,
        lease_s: float = LEASE_S,
        long: Collection[str] = (),
        told: Told | None = None,
    ) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._jobs = jobs
        self._tasks = tasks
        self._lease_s = lease_s
        self._told = told
        self._long = frozenset(long)
        self._kinds = [frozenset(tasks) - set(long)] * threads
        if long:
            self._kinds.append(frozenset(long))
        self._held: dict[tuple[str, int], Job] = {}

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; then what was begun is finished, and no more is taken.

        While the database is away it waits for it.
        """
        with ThreadPoolExecutor(len(self._kinds), "worker") as pool:
            working = [pool.submit(self._work, stop, kinds) for kinds in self._kinds]
            try:
                self._keep(working)
            finally:
                stop.set()
        for each in working:
            each.result()

    def _keep(self, working: list[Future[None]]) -> None:
        """Renew leases and prune the queue, at once and while it is worked."""
        while True:
            try:
                for job in tuple(self._held.values()):
                    self._jobs.renew(job, self._lease_s)
                self._jobs.prune()
            except EngineError as error:
                log.debug("no lease was renewed: %s", error)
            every_s = self._lease_s / _RENEWALS
            ended, going = wait(working, timeout=every_s, return_when=FIRST_EXCEPTION)
            if not going or any(each.exception() for each in ended):
                return

    def _work(self, stop: threading.Event, kinds: Collection[str]) -> None:
        while not stop.is_set():
            try:
                job = self._jobs.take(self.name, self._lease_s, kinds)
                if job is not None:
                    self._do(job)
            except EngineError as error:
                # That the database is away, its notices tell, and that it is back.
                level = logging.DEBUG if isinstance(error, DatabaseAway) else logging.WARNING
                log.log(level, "no job can be taken or ended: %s", error)
                stop.wait(_RETRY_S)
            else:
                if job is None:
                    self._jobs.idle(POLL_S, kinds)

    def _do(self, job: Job) -> None:
        self._held[job.id, job.attempts] = job
        begun = time.monotonic()
        try:
            succeeded = self._ended(job)
        finally:
            del self._held[job.id, job.attempts]
        if succeeded is not None and self._told:
            self._told(job.kind, succeeded, time.monotonic() - begun)

    def _ended(self, job: Job) -> bool | None:
        """Whether a job succeeded; None when this worker did not end it."""
        try:
            value = self._tasks[job.kind](job, self._telling(job))
        except TryAgain as error:
            if job.kind in self._long:
                # Nobody asks for it again by himself, as he would a question.
                log.warning("a job of kind %s is begun again: %s", job.kind, error)
                self._jobs.release(job)
                return None
            return False if self._jobs.fail(job, error) else None
        except EngineError as error:
            return False if self._jobs.fail(job, error) else None
        except Exception as error:  # noqa: BLE001 - whoever asked is told that there was one
            return False if self._jobs.fail(job, _unforeseen(error)) else None
        return True if self._jobs.finish(job, value) else None

    def _telling(self, job: Job) -> Progress:
        """Says how far a job has come: what is new, and not each step."""
        told, due = "", 0.0

        def tell(stage: str, done: int, total: int) -> None:
            nonlocal told, due
            now = time.monotonic()
            if stage != told or now >= due:
                told, due = stage, now + _TELL_EVERY_S
                with suppress(EngineError):  # a lost step is no reason to end the job
                    self._jobs.tell(job, [stage, done, total])

        return tell


def _unforeseen(error: Exception) -> EngineError:
    """What is told of an error that nobody foresaw; the log holds where it arose.

    Nothing of its message: that may repeat the question.
    """
    number = secrets.token_hex(4)
    where = "".join(traceback.format_tb(error.__traceback__)).rstrip()
    log.error("error %s: %s\n%s", number, type(error).__name__, where)
    return EngineError(
        f"a worker failed by a {type(error).__name__}; its log has more under {number}"
    )
