"""What is counted, and how Prometheus is told.

Names and units follow Prometheus' own advice (base units, ``_total`` for what only grows).
No label holds anything that a person wrote, nor a server's number: both are without bound.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bot.errors import Overloaded, Refused, ShuttingDown, TookTooLong
from index import Answer, BadInput, DeadlineExceeded, Kind, TryAgain

if TYPE_CHECKING:
    from bot.client import ArticleBot

SECONDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 3, 5, 10, 20)
OUTCOMES = ("answered", "declined", "chat", "refused", "busy", "timeout", "failed")

questions = Counter(
    "articlebot_questions", "Questions on Discord, by what became of them.", ("outcome",)
)
seconds = Histogram(
    "articlebot_question_seconds",
    "From a question's arrival to its answer, waiting included.",
    buckets=SECONDS,
)
jobs_waiting = Gauge(
    "articlebot_jobs_waiting", "Questions of all processes that no worker has begun."
)
jobs_oldest = Gauge(
    "articlebot_jobs_oldest_seconds", "How long the oldest of them has waited; 0 without any."
)
for _outcome in OUTCOMES:
    questions.labels(_outcome)  # so that what has not happened yet is 0, and not missing


@dataclass(slots=True)
class Asked:
    """What became of a question; whoever answers it says so."""

    outcome: str = "failed"

    def answered(self, answer: Answer) -> None:
        if answer.kind is Kind.CHAT:
            self.outcome = "chat"
        else:
            self.outcome = "answered" if answer.answered else "declined"

    def failed(self, error: BaseException) -> None:
        self.outcome = next((name for kinds, name in _NAMES if isinstance(error, kinds)), "failed")


_NAMES: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((TookTooLong, DeadlineExceeded), "timeout"),
    ((Overloaded, ShuttingDown, TryAgain), "busy"),
    ((Refused, BadInput), "refused"),
)


@contextmanager
def question() -> Iterator[Asked]:
    """Count and time the question that is answered inside."""
    asked, begun = Asked(), time.perf_counter()
    try:
        yield asked
    finally:
        questions.labels(asked.outcome).inc()
        seconds.observe(time.perf_counter() - begun)


class Gauges(Collector):
    """What is so at the moment of a scrape; ``bot`` gives the bot of the present session."""

    def __init__(self, bot: Callable[[], ArticleBot | None]) -> None:
        self._bot = bot

    def describe(self) -> Iterable[Metric]:
        return ()  # so that registering it asks no bot

    def collect(self) -> Iterator[Metric]:
        info = GaugeMetricFamily("articlebot_build_info", "Always 1.", labels=["version"])
        info.add_metric([version("article-bot")], 1)
        yield info
        bot = self._bot()
        ready = bot is not None and bot.is_ready() and not bot.closing
        yield _gauge("articlebot_ready", "1 while questions are taken.", float(ready))
        if bot is None:
            return
        yield _gauge("articlebot_guilds", "Servers that the bot is in.", len(bot.guilds))
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


def _gauge(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(name, told, value=value)


@contextmanager
def registered(
    bot: Callable[[], ArticleBot | None], registry: CollectorRegistry = REGISTRY
) -> Iterator[CollectorRegistry]:
    """The registry with the gauges in it."""
    gauges = Gauges(bot)
    registry.register(gauges)
    try:
        yield registry
    finally:
        registry.unregister(gauges)
