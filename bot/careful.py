"""How sure is sure enough? Three named levels around the operator's threshold. Pure."""

from __future__ import annotations

from enum import StrEnum


class Level(StrEnum):
    """From answering more often to declining more often."""

    MORE = "more"
    BALANCED = "balanced"
    CAREFUL = "careful"


def threshold_of(level: Level, operators: float) -> float | None:
    """What is kept for a level; None follows the operator's threshold wherever it goes."""
    match level:
        case Level.MORE:
            return round(operators / 2, 4)
        case Level.BALANCED:
            return None
        case Level.CAREFUL:
            return round((1 + operators) / 2, 4)


def level_of(threshold: float | None, operators: float) -> Level | None:
    """The level that a threshold amounts to; None for an exact value between them."""
    return next((each for each in Level if threshold_of(each, operators) == threshold), None)


def exact(text: str) -> float | None:
    """A percentage as people write it, ``25``, ``12,5 %``, as a share; None if it is none."""
    try:
        percent = float(text.strip().removesuffix("%").strip().replace(",", "."))
    except ValueError:
        return None
    return round(percent / 100, 4) if 0 <= percent <= 100 else None
