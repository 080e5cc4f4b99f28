"""How long will it still take? Measured, or not said. Pure, but for the clock it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

WATCHED_S = 3.0
"""Shorter than this tells nothing of the pace."""


@dataclass(slots=True)
class Pace:
    """Follows one piece of work through its stages, each of so many equal parts."""

    clock: Callable[[], float] = monotonic
    stage: str = "waiting"
    done: int = 0
    total: int = 0
    _began: float = field(default=0.0, init=False)
    _done_then: int = field(default=0, init=False)

    def follow(self, stage: str, done: int, total: int) -> None:
        if (stage, total) != (self.stage, self.total):
            self._began, self._done_then = self.clock(), done
        self.stage, self.done, self.total = stage, done, total

    @property
    def left_s(self) -> float | None:
        """Seconds that the stage still takes at its pace so far; None while that is a guess."""
        parts, spent_s = self.done - self._done_then, self.clock() - self._began
        if parts <= 0 or spent_s < WATCHED_S or self.done >= self.total:
            return None
        return spent_s / parts * (self.total - self.done)
