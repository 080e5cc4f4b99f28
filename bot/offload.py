"""The one bridge from the synchronous engine to asyncio.

Work runs on a bounded number of threads, behind a queue of bounded length, and each
piece has a deadline that counts from when it was handed in. Work that nobody waits
for any more is never begun. Nothing here knows what the work is.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
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
        self._closed = False

    @property
    def backlog(self) -> int:
        """How much work is running or waiting."""
        return len(self._jobs)

    async def run(self, work: Callable[[float | None], T]) -> T:
        """Run ``work(seconds_left)`` on a worker thread and return what it returns.

        A thread cannot be interrupted: work should heed ``seconds_left`` (None: no
        limit) by itself, and holds its worker until it ends. Whoever gives up while
        the work still waits, by deadline or cancellation, takes it out of the queue.
        Raises Overloaded, TookTooLong, ShuttingDown, or whatever the work raises.
        """
        if self._closed:
            raise ShuttingDown
        if self.backlog >= self._capacity:
            raise Overloaded
        job = self._submit(work)
        try:
            async with asyncio.timeout(self._deadline_s) as limit:
                return await asyncio.wrap_future(job)
        except TimeoutError:
            if limit.expired():
                raise TookTooLong from None
            raise

    def _submit(self, work: Callable[[float | None], T]) -> Future[T]:
        handed_in = time.monotonic()

        def begin() -> T:
            if self._deadline_s is None:
                return work(None)
            return work(max(0.0, self._deadline_s - (time.monotonic() - handed_in)))

        job = self._pool.submit(contextvars.copy_context().run, begin)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)
        return job

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
