"""What the bot must know of a scope before it can act: read off the event loop, kept briefly.

Commands have to be acknowledged, and completions given, in less than a second or two, so
none of it waits for the questions' queue, and nothing here runs the model.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from bot.errors import TryLater
from bot.offload import Offload
from index import Article, EngineError, Preferences, Scope

if TYPE_CHECKING:
    from index import Engine

FRESH_S = 30.0
MOST_SCOPES = 5_000
PATIENCE_S = 0.7

CAREFUL = Preferences(private=True)
"""What holds where a server's choice cannot be read in time: nothing is shown to all."""

T = TypeVar("T")


@dataclass(slots=True)
class _Entry(Generic[T]):
    read_at: float
    task: asyncio.Task[T]


class _Recent(Generic[T]):
    """One reading at a time for each scope, shared by all who wait for it."""

    def __init__(self, lookups: Offload, read: Callable[[Scope], T], fresh_s: float) -> None:
        self._lookups = lookups
        self._read = read
        self._fresh_s = fresh_s
        self._entries: OrderedDict[Scope, _Entry[T]] = OrderedDict()

    async def get(self, scope: Scope) -> T:
        entry = self._entries.get(scope)
        if entry is None or not self._is_usable(entry):
            task = asyncio.create_task(self._lookups.run(lambda _: self._read(scope)))
            task.add_done_callback(_look_at_error)
            entry = self._entries[scope] = _Entry(time.monotonic(), task)
            self._entries.move_to_end(scope)
            while len(self._entries) > MOST_SCOPES:
                self._entries.popitem(last=False)
        # Shielded, so that one who gives up does not take it from the others.
        return await asyncio.shield(entry.task)

    def _is_usable(self, entry: _Entry[T]) -> bool:
        if time.monotonic() - entry.read_at > self._fresh_s:
            return False
        failed = entry.task.done() and (entry.task.cancelled() or entry.task.exception())
        return not failed

    def forget(self, scope: Scope) -> None:
        self._entries.pop(scope, None)


def _look_at_error(task: asyncio.Task[T]) -> None:
    if not task.cancelled():
        task.exception()  # whoever waits has it; when nobody does, it is no news


class Known:
    """Preferences and articles of the scopes that were asked about lately."""

    def __init__(self, engine: Engine, lookups: Offload, *, fresh_s: float = FRESH_S) -> None:
        self._preferences = _Recent(lookups, engine.journal.preferences, fresh_s)
        self._articles = _Recent(lookups, lambda s: tuple(engine.articles(s)), fresh_s)

    async def preferences(self, scope: Scope, patience_s: float | None = PATIENCE_S) -> Preferences:
        """How the scope wants it, or `CAREFUL` where that takes too long or fails.

        ``patience_s`` None waits as long as the lookups do.
        """
        try:
            async with asyncio.timeout(patience_s):
                return await self._preferences.get(scope)
        except (TimeoutError, TryLater, EngineError):
            return CAREFUL

    async def articles(self, scope: Scope) -> tuple[Article, ...]:
        """The scope's own articles and the shared ones; raises what reading them raises."""
        own, shared = await asyncio.gather(
            self._articles.get(scope), self._articles.get(Scope.shared())
        )
        return own + shared

    def forget(self, scope: Scope) -> None:
        """Read again next time: the scope was changed."""
        self._preferences.forget(scope)
        self._articles.forget(scope)
