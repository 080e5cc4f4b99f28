"""How sure is that, in words and in percent."""

from __future__ import annotations

_BANDS = ((0.9, "very sure"), (0.7, "sure"), (0.5, "fairly sure"))


def words(confidence: float) -> str:
    return next((text for least, text in _BANDS if confidence >= least), "not sure")


def percent(confidence: float) -> str:
    """Whole percent, and never 100: nothing is certain."""
    return f"{min(99, max(0, round(confidence * 100)))} %"
