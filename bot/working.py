"""Work on a library that takes its time: one piece a scope, with its progress in the message."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import aiohttp
import discord

from bot.errors import AlreadyRunning, ShuttingDown
from bot.i18n import say
from bot.panels.reindex import progress_panel
from bot.remaining import Pace
from index import Scope

if TYPE_CHECKING:
    from bot.client import ArticleBot

T = TypeVar("T")


@dataclass(slots=True)
class Progress:
    """Where the work stands: written by its thread, read by the event loop."""

    is_closing: Callable[[], bool]
    pace: Pace = field(default_factory=Pace)

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Called by the engine; ends the work, unpublished, when the bot is closing."""
        if self.is_closing():
            raise ShuttingDown
        self.pace.follow(stage, done, total)

    @property
    def seen(self) -> tuple[str, int, int]:
        return self.pace.stage, self.pace.done, self.pace.total


class Workshop:
    """Runs changes of libraries, at most one a scope at a time."""

    def __init__(self, bot: ArticleBot) -> None:
        self._bot = bot
        self._running: dict[Scope, float] = {}

    async def run(
        self,
        interaction: discord.Interaction[ArticleBot],
        scope: Scope,
        work: Callable[[Progress], T],
        *,
        heading: str = "reindex.running",
    ) -> T:
        """Run ``work`` off the event loop while the response shows how far it has come.

        Raises AlreadyRunning where other work on the scope is under way, or what the work does.
        """
        if scope in self._running:
            when = _ago(interaction.locale, self._running[scope])
            raise AlreadyRunning("error.reindex.running", when=when)
        self._running[scope] = time.monotonic()
        progress = Progress(lambda: self._bot.closing)
        editing = asyncio.Lock()
        showing = asyncio.create_task(self._show(interaction, progress, editing, heading))
        try:
            return await self._bot.chores.run(lambda _: work(progress))
        finally:
            del self._running[scope]
            self._bot.known.forget(scope)
            async with editing:  # so that no late edit lands on top of the result
                showing.cancel()

    async def _show(
        self,
        interaction: discord.Interaction[ArticleBot],
        progress: Progress,
        editing: asyncio.Lock,
        heading: str,
    ) -> None:
        """Edit the message whenever something changed, at most once an interval."""
        shown = None
        while True:
            if progress.seen != shown:
                shown = progress.seen
                view = progress_panel(
                    interaction.locale, *shown, left_s=progress.pace.left_s, heading=heading
                )
                # The result matters, not a lost step on the way to it.
                with contextlib.suppress(discord.HTTPException, aiohttp.ClientError):
                    async with editing:
                        await interaction.edit_original_response(view=view)
            await asyncio.sleep(self._bot.options.progress_every_s)


def _ago(locale: object, since: float) -> str:
    seconds = int(time.monotonic() - since)
    if seconds < 2:
        return say(locale, "ago.now")
    return say(locale, "ago.seconds", count=seconds)
