"""How a worker is, and what it did, as the operator's machines are told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import Counter, Histogram
from prometheus_client.core import Metric

from bot.metrics import JOB_KINDS, SECONDS
from bot.operations import Waiting, answers

if TYPE_CHECKING:
    from index import Engine

OUTCOMES = ("done", "failed")
LONG_SECONDS = (60, 300, 1800)
"""Of building an index."""

jobs = Counter(
    "articlebot_jobs", "Jobs that this worker ended, by what became of them.", ("kind", "outcome")
)
seconds = Histogram(
    "articlebot_job_seconds",
    "What a job took this worker.",
    ("kind",),
    buckets=(*SECONDS, *LONG_SECONDS),
)
for _kind in JOB_KINDS:  # so that what has not happened yet is 0, and not missing
    seconds.labels(_kind)
    for _outcome in OUTCOMES:
        jobs.labels(_kind, _outcome)


class AtWork:
    """``engine`` is set once its models are loaded; ``stop`` when it shall end."""

    def __init__(self, stop: threading.Event) -> None:
        self.engine: Engine | None = None
        self._stop = stop

    @property
    def is_ready(self) -> bool:
        return self.engine is not None and not self._stop.is_set()

    async def checks(self) -> dict[str, str]:
        loaded = self.engine is not None
        return {
            "models": "ok" if loaded else "loading",
            "database": await answers(self.waiting()) if loaded else "not asked yet",
            "jobs": "ending" if self._stop.is_set() else "ok",
        }

    def metrics(self) -> Iterator[Metric]:
        return iter(())  # what there is was counted as it was done

    async def waiting(self) -> Waiting | None:
        turns = None if self.engine is None else self.engine.turns
        if turns is None:
            return None
        # On the primary, without which there is nothing to do.
        return await asyncio.to_thread(turns.waiting)

    def told(self, kind: str, succeeded: bool, took_s: float) -> None:
        """Count a job that ended. Called from any thread."""
        jobs.labels(kind, "done" if succeeded else "failed").inc()
        seconds.labels(kind).observe(took_s)
