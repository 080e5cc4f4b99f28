"""How the bot on Discord is, as the operator's machines are told."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily, Metric

from bot.operations import Waiting, answers
from index import Scope

if TYPE_CHECKING:
    from bot.client import ArticleBot


class OnDiscord:
    """``bot`` is that of the present session; there is one at a time, and at first none."""

    def __init__(self) -> None:
        self.bot: ArticleBot | None = None

    @property
    def is_ready(self) -> bool:
        return self.bot is not None and self.bot.is_ready() and not self.bot.closing

    async def checks(self) -> dict[str, str]:
        bot = self.bot
        if bot is None:
            return {"discord": "no session", "queue": "ok", "library": "ok"}
        full = not (bot.closing or bot.questions.has_room)
        articles = bot.lookups.run(lambda _: bot.engine.articles(Scope.shared()))
        return {
            "discord": _session(bot),
            "queue": "full" if full else "ok",
            "library": await answers(articles),
        }

    def metrics(self) -> Iterator[Metric]:
        bot = self.bot
        if bot is None:
            return
        yield GaugeMetricFamily(
            "articlebot_guilds", "Servers that the bot is in.", value=len(bot.guilds)
        )
        backlog = GaugeMetricFamily(
            "articlebot_backlog", "Work that runs or waits, by its queue.", labels=["queue"]
        )
        for name, queue in bot.queues.items():
            backlog.add_metric([name], queue.backlog)
        yield backlog
        latency = GaugeMetricFamily(
            "articlebot_gateway_latency_seconds",
            "Between a heartbeat and its acknowledgement.",
            labels=["shard"],
        )
        for shard, value in bot.latencies:
            if math.isfinite(value):  # not before the first heartbeat
                latency.add_metric([str(shard)], value)
        yield latency

    async def waiting(self) -> Waiting | None:
        bot = self.bot
        turns = None if bot is None else bot.engine.turns
        if bot is None or turns is None:
            return None
        return await bot.lookups.run(lambda _: turns.waiting())


def _session(bot: ArticleBot) -> str:
    if not bot.is_ready():
        return "no session"
    return "closing" if bot.closing else "ok"
