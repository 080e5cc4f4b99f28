"""Doing the jobs of a queue until told to stop."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import Any

from index.errors import DatabaseAway, EngineError
from index.postgres.jobs import POLL_S, Job, Jobs

log = logging.getLogger(__name__)

Task = Callable[[Job], Any]
"""Does a job, and returns what JSON can hold."""

LEASE_S = 5.0
"""What a question loses when its worker is killed."""
_RENEWALS = 5
"""Within a lease, so that a slow machine does not lose one."""
_RETRY_S = 1.0


class Worker:
    """Does jobs by ``tasks``, one for each kind, ``threads`` at once."""

    def __init__(
        self,
        jobs: Jobs,
        tasks: Mapping[str, Task],
        *,
        threads: int = 1,
        lease_s: float = LEASE_S,
    ) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._jobs = jobs
        self._tasks = tasks
        self._threads = threads
        self._lease_s = lease_s
        self._held: dict[tuple[str, int], Job] = {}

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; then what was begun is finished, and no more is taken.

        While the database is away it waits for it.
        """
        with ThreadPoolExecutor(self._threads, "worker") as pool:
            working = [pool.submit(self._work, stop) for _ in range(self._threads)]
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

    def _work(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                job = self._jobs.take(self.name, self._lease_s)
                if job is not None:
                    self._do(job)
            except EngineError as error:
                # That the database is away, its notices tell, and that it is back.
                level = logging.DEBUG if isinstance(error, DatabaseAway) else logging.WARNING
                log.log(level, "no job can be taken or ended: %s", error)
                stop.wait(_RETRY_S)
            else:
                if job is None:
                    self._jobs.idle(POLL_S)

    def _do(self, job: Job) -> None:
        self._held[job.id, job.attempts] = job
        try:
            try:
                value = self._tasks[job.kind](job)
            except EngineError as error:
                self._jobs.fail(job, error)
            except Exception as error:  # noqa: BLE001 - whoever asked is told that there was one
                self._jobs.fail(job, _unforeseen(error))
            else:
                self._jobs.finish(job, value)
        finally:
            del self._held[job.id, job.attempts]


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
