"""What is counted for Prometheus.

Names and units follow Prometheus' own advice (base units, ``_total`` for what only grows).
No label holds anything that a person wrote, nor a server's number: both are without bound.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import Counter, Gauge, Histogram

from bot.errors import Overloaded, Refused, ShuttingDown, TookTooLong
from index import Answer, BadInput, DeadlineExceeded, Kind, TryAgain

SECONDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 3, 5, 10, 20)
OUTCOMES = ("answered", "declined", "chat", "refused", "busy", "timeout", "failed")
JOB_KINDS = ("question", "build", "rehearse")

questions = Counter(
    "articlebot_questions", "Questions on Discord, by what became of them.", ("outcome",)
)
seconds = Histogram(
    "articlebot_question_seconds",
    "From a question's arrival to its answer, waiting included.",
    buckets=SECONDS,
)
jobs_waiting = Gauge(
    "articlebot_jobs_waiting", "Jobs of all processes that no worker has begun.", ("kind",)
)
jobs_oldest = Gauge(
    "articlebot_jobs_oldest_seconds",
    "How long the oldest of them has waited; 0 without any.",
    ("kind",),
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


def set_waiting(waiting: Mapping[str, tuple[int, float]]) -> None:
    """By kind: how many jobs wait, and how old the oldest is in seconds."""
    for kind in {*JOB_KINDS, *waiting}:
        count, oldest_s = waiting.get(kind, (0, 0.0))
        jobs_waiting.labels(kind).set(count)
        jobs_oldest.labels(kind).set(oldest_s)
