"""An article in a few of its own sentences. Pure: vectors and places in, rows out.

Sentences are chosen greedily so that together they lie near everything the article says
(facility location; Lin and Bilmes 2011, "A Class of Submodular Functions for Document
Summarization"), none too like another (Carbonell and Goldstein 1998), none that cannot be
understood alone. What stands early counts a little more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]

SHORTEST, LONGEST = 40, 320
"""Characters of a sentence that may stand in a summary, where there are enough of them."""
MOST_ALIKE = 0.7
"""The cosine from which two sentences say the same."""
_EARLY = 0.06
_MOST_COMPARED = 2000
"""Sentences, evenly spread, that stand for a longer article."""

_DANGLING = re.compile(
    r"(?:but|and|or|so|yet|then|also|this|that|these|those|it|its|he|she|they|his|her|their|him|them"
    r"|however|therefore|thus|moreover|furthermore|instead|otherwise|meanwhile|besides|nevertheless"
    r"|such|both|neither|either|another|others?|for (?:example|instance)|in (?:addition|contrast)"
    r"|as a result|one of (?:them|these)|the (?:other|latter|former|same|second|third))\b",
    re.IGNORECASE,
)


def summary(texts: Sequence[str], vectors: Vectors, most: int = 5) -> list[int]:
    """Which sentences tell the article in short: three to five (all of a shorter one), in order.

    ``texts`` are n sentences in their order, ``vectors`` theirs, of shape (n, dimension)
    and length 1. Never more than ``most``.
    """
    count = len(texts)
    wanted = min(most, 3 if count < 12 else 4 if count < 30 else 5)
    if count <= wanted:
        return list(range(count))
    rows = np.unique(np.linspace(0, count - 1, min(count, _MOST_COMPARED)).astype(int))
    near = np.clip(vectors[rows] @ vectors[rows].T, 0.0, 1.0)
    bonus = _EARLY * near.sum(1).mean() * np.exp(-np.arange(len(rows)) / max(3, len(rows) / 8))
    fits = np.array([_stands_alone(texts[row]) for row in rows])
    if fits.sum() < wanted:
        fits[:] = True
    covered = np.zeros(len(rows), dtype=np.float32)
    chosen: list[int] = []
    while len(chosen) < wanted and fits.any():
        gain = np.maximum(near, covered).sum(1) - covered.sum() + bonus
        best = int(np.where(fits, gain, -np.inf).argmax())
        chosen.append(best)
        covered = np.maximum(covered, near[best])
        fits &= near[best] < MOST_ALIKE
        fits[best] = False
    return sorted(int(rows[i]) for i in chosen)


def _stands_alone(text: str) -> bool:
    return SHORTEST <= len(text) <= LONGEST and not _DANGLING.match(text.lstrip("\"'“‘•- "))
