"""The one bridge from the synchronous engine to asyncio.

Work runs on a bounded number of threads, behind a queue of bounded length, and each
piece has a deadline that counts from when it was handed in. Work that nobody waits
for any more is never begun. Nothing here knows what the work is.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from bot.errors import Overloaded, ShuttingDown, TookTooLong

T = TypeVar("T")


class Offload:
    """Runs blocking work away from the event loop.

    ``deadline_s`` None lets work take as long as it needs. All methods belong to the
    event loop's thread.
    """

    def __init__(
        self, *, workers: int, queue_limit: int, deadline_s: float | None, name: str = "work"
    ) -> None:
        self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix=name)
        self._capacity = workers + queue_limit
        self._deadline_s = deadline_s
        self._jobs: set[Future[Any]] = set()
        self._waiting = _Turns()
        self._closed = False

    @property
    def backlog(self) -> int:
        """How much work is running or waiting."""
        return len(self._jobs)

    @property
    def has_room(self) -> bool:
        """Whether one more piece of work may wait."""
        return self.backlog < self._capacity

    async def run(self, work: Callable[[float | None], T], *, turn: Hashable = None) -> T:
        """Run ``work(seconds_left)`` on a worker thread and return what it returns.

        Whoever hands in much waits behind others: each ``turn`` has one piece of work begun
        before any has its next.

        A thread cannot be interrupted: work should heed ``seconds_left`` (None: no
        limit) by itself, and holds its worker until it ends. Whoever gives up while
        the work still waits, by deadline or cancellation, takes it out of the queue.
        Raises Overloaded, TookTooLong, ShuttingDown, or whatever the work raises.
        """
        if self._closed:
            raise ShuttingDown
        if not self.has_room:
            raise Overloaded
        job = self._submit(work, turn)
        try:
            async with asyncio.timeout(self._deadline_s) as limit:
                return await asyncio.wrap_future(job)
        except TimeoutError:
            if limit.expired():
                raise TookTooLong from None
            raise

    def _submit(self, work: Callable[[float | None], T], turn: Hashable) -> Future[T]:
        handed_in = time.monotonic()

        def begin() -> T:
            if self._deadline_s is None:
                return work(None)
            return work(max(0.0, self._deadline_s - (time.monotonic() - handed_in)))

        job: Future[T] = Future()
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)
        self._waiting.put(turn, (job, partial(contextvars.copy_context().run, begin)))
        self._pool.submit(self._begin_next)
        return job

    def _begin_next(self) -> None:
        """On a worker: run what is next in turn, which need not be what it was called for."""
        job, begin = self._waiting.get()
        if not job.set_running_or_notify_cancel():
            return
        try:
            result = begin()
        except BaseException as error:  # noqa: BLE001 - its waiter raises it
            job.set_exception(error)
        else:
            job.set_result(result)

    async def close(self, patience_s: float) -> bool:
        """Take no more work and wait for what is under way; False when some is left over.

        What still waits after ``patience_s`` is dropped and never begun.
        """
        self._closed = True
        waiting = [asyncio.wrap_future(job) for job in tuple(self._jobs)]
        left: set[asyncio.Future[Any]] = set()
        if waiting:
            done, left = await asyncio.wait(waiting, timeout=patience_s)
            for future in done:
                future.cancelled() or future.exception()  # its own waiter has it too
            for future in left:
                future.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)
        return not left


_Job = tuple[Future[Any], Callable[[], Any]]


class _Turns:
    """Work that waits, taken one of each turn after the other. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queues: OrderedDict[Hashable, deque[_Job]] = OrderedDict()

    def put(self, turn: Hashable, job: _Job) -> None:
        with self._lock:
            self._queues.setdefault(turn, deque()).append(job)

    def get(self) -> _Job:
        with self._lock:
            turn, queue = self._queues.popitem(last=False)
            job = queue.popleft()
            if queue:  # its next one waits until all others had theirs
                self._queues[turn] = queue
            return job
