"""An article in a few of its own sentences. Pure: vectors and places in, rows out.

The article is cut into as many stretches of like length as there will be sentences, so that
all of it is covered; from each comes the sentence nearest to the middle of its stretch and of the
article (centroid-based extraction; Radev et al. 2004), if it can be understood alone and
says nothing that was said (Carbonell and Goldstein 1998). The first sentence of a
paragraph, which most often says what the paragraph is about, is preferred.
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
_OPENING = 0.1
"""What opening a paragraph is worth beside the cosines."""
_LEAD = 0.4
"""What opening the article is worth: its first sentence is there to say what it is about."""

_DANGLING = re.compile(
    r"(?:but|and|or|so|yet|then|also|this|that|these|those|it|its|he|she|they|his|her|their|him|them"
    r"|however|therefore|thus|moreover|furthermore|instead|otherwise|meanwhile|besides|nevertheless"
    r"|such|both|neither|either|another|others?|for (?:example|instance)|in (?:addition|contrast)"
    r"|as a result|one of (?:them|these)|the (?:other|latter|former|same|second|third))\b",
    re.IGNORECASE,
)


def summary(
    texts: Sequence[str], vectors: Vectors, paragraphs: Sequence[int], most: int = 5
) -> list[int]:
    """Which sentences tell the article in short: three to five (all of a shorter one), in order.

    ``texts`` are n sentences in their order, ``vectors`` theirs, of shape (n, dimension) and
    length 1, ``paragraphs`` those they stand in. Never more than ``most``.
    """
    count = len(texts)
    wanted = min(most, 3 if count < 8 else 4 if count < 16 else 5)
    if count <= wanted:
        return list(range(count))
    opens = np.array([i == 0 or paragraphs[i] != paragraphs[i - 1] for i in range(count)])
    scores = vectors @ _middle(vectors) + _OPENING * opens
    scores[0] += _LEAD
    fits = np.array([_stands_alone(text) for text in texts])
    chosen: list[int] = []
    for rows in _stretches(texts, wanted):
        near = scores[rows] + vectors[rows] @ _middle(vectors[rows])
        for row in rows[np.lexsort((-near, ~fits[rows]))]:
            if not chosen or (vectors[chosen] @ vectors[row]).max() < MOST_ALIKE:
                chosen.append(int(row))
                break
    return chosen


def _middle(vectors: Vectors) -> Vectors:
    middle: Vectors = vectors.mean(axis=0)
    return middle / max(float(np.linalg.norm(middle)), 1e-9)


def _stretches(texts: Sequence[str], wanted: int) -> list[npt.NDArray[np.int64]]:
    """The sentences in ``wanted`` runs that are about as long as each other."""
    lengths = np.array([len(text) for text in texts], dtype=np.float64)
    centres = np.cumsum(lengths) - lengths / 2
    part = np.minimum((centres * wanted / lengths.sum()).astype(int), wanted - 1)
    return [rows for number in range(wanted) if len(rows := np.flatnonzero(part == number))]


def _stands_alone(text: str) -> bool:
    return SHORTEST <= len(text) <= LONGEST and not _DANGLING.match(
        text.lstrip("\"'\u201c\u2018•- ")
    )
