"""That a shard is open in one process, of those that share a database.

Discord sends a shard's events to everyone who logged in as it: open in two processes, each of
its questions would be answered twice. Whoever opens shards holds their locks in the database,
and whoever comes later waits for a while, as the other may be on its way out.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from bot.errors import ShardTaken
from index import EngineError, LibraryBusy

if TYPE_CHECKING:
    from index import Engine

log = logging.getLogger(__name__)

LEAVING_S = 35.0
"""What a process takes to end, beside finishing what it was asked."""
RETAKEN_WITHIN_S = 20.0
"""The server may take half of it to see that a connection broke, and keeps its locks till then."""
LOOK_S, RETRY_S = 0.5, 0.2


class Shards:
    """Those that this process opens: ``numbers`` of ``count``, or all of them, for None.

    ``bot`` is what tells it from other bots in the same database.
    """

    def __init__(
        self,
        engine: Engine,
        bot: str,
        count: int | None,
        numbers: Sequence[int] | None,
        *,
        patience_s: float,
    ) -> None:
        assert engine.turns is not None
        # Where Discord says how many there are, each process opens all, shard 0 among them.
        chosen = range(count or 1) if numbers is None else numbers
        self._opened = partial(engine.turns.shards, bot, count or 0, chosen)
        self._patience_s = patience_s
        self._closed = threading.Event()

    def close(self) -> None:
        self._closed.set()

    def keep(self, held: Callable[[], object]) -> None:
        """Hold them until ``close``, and call ``held`` when all are held for the first time.

        When the database restarts or another takes its place, its locks are lost; they are taken
        again by themselves. Meanwhile the shards stay open. Raises ShardTaken when another
        process has one and keeps it.
        """
        patience_s, away = self._patience_s, False
        while not self._closed.is_set():
            try:
                with self._opened() as shards:
                    if not self._take(shards.take, patience_s):
                        return
                    if away:
                        log.warning("the locks of the shards are held again")
                    patience_s, away = RETAKEN_WITHIN_S, False
                    held()
                    while not self._closed.is_set():
                        shards.watch(LOOK_S)
            except EngineError as error:
                if not away:  # once, and not each moment
                    log.warning("the shards have no lock until the database answers: %s", error)
                away = True
                self._closed.wait(RETRY_S)

    def _take(self, take: Callable[[], None], patience_s: float) -> bool:
        """True once it succeeds; False when ``close`` was called before."""
        until = None
        while not self._closed.is_set():
            try:
                take()
            except LibraryBusy as error:
                if until is None:
                    log.warning("%s; waiting up to %.0f s for its end", error, patience_s)
                    until = time.monotonic() + patience_s
                elif time.monotonic() > until:
                    raise ShardTaken(
                        f"{error}, and questions would be answered twice: let every shard"
                        " stand in the SHARD_IDS of one process, start each process once, and"
                        " end all of them before SHARD_COUNT changes."
                    ) from error
            else:
                return True
            self._closed.wait(LOOK_S)
        return False


@asynccontextmanager
async def holding(shards: Shards | None, stop: asyncio.Event) -> AsyncIterator[None]:
    """Enter when the shards are held, or ``stop`` is set; None: at once.

    When another process has taken one, ``stop`` is set; ShardTaken is raised at the end.
    """
    if shards is None:
        yield
        return
    loop, held = asyncio.get_running_loop(), asyncio.Event()
    keep = partial(shards.keep, partial(loop.call_soon_threadsafe, held.set))
    keeping = asyncio.create_task(asyncio.to_thread(keep))
    keeping.add_done_callback(lambda _: stop.set())
    waiting = [asyncio.create_task(one.wait()) for one in (held, stop)]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        yield
    finally:
        for one in waiting:
            one.cancel()
        shards.close()
        await keeping
