"""Scores of several kinds -> one order, and from it the passages to read. Pure.

The recipe was chosen on training articles: a sentence counts by its own cosine, the
cosine of the best three-sentence window around it, and BM25 at three widths. Each
term is scaled to 0..1 over the candidates of the question before it is weighed, a
convex combination as in Bruch et al. 2023, "An Analysis of Fusion Functions for
Hybrid Retrieval"; reciprocal-rank fusion did worse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float32]
PASSAGE_CHARS = 700
"""A longer passage is shown as two."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sentence stands. ``article`` tells articles of different indexes apart too."""

    article: tuple[int, int]
    paragraph: int
    number: int
    start: int
    end: int


_order = attrgetter("article", "paragraph", "number", "start", "end")

WEIGHTS = {
    "sentence_cosine": 1.0,
    "window_cosine": 0.5,
    "sentence_bm25": 0.5,
    "window_bm25": 0.5,
    "chunk_bm25": 0.25,
}


def scale(terms: Mapping[str, Scores]) -> dict[str, Scores]:
    """Each term from 0 for its lowest to 1 for its highest; all 0 where they are alike."""
    return {name: _scaled(scores) for name, scores in terms.items()}


def fuse(scaled: Mapping[str, Scores], weights: Mapping[str, float] = WEIGHTS) -> Scores:
    """The fused score of each of n candidates, 0..1, higher is better.

    ``scaled`` has an array of shape (n,) for each name in ``weights``, each 0..1.
    """
    total = np.zeros(len(scaled["sentence_cosine"]), dtype=np.float32)
    for name, weight in weights.items():
        total += np.float32(weight / sum(weights.values())) * scaled[name]
    return total


def _scaled(scores: Scores) -> Scores:
    if not len(scores):
        return scores
    low, high = scores.min(), scores.max()
    return (scores - low) / (high - low) if high > low else np.zeros_like(scores)


def within_budget(
    scores: Scores, lengths: Sequence[int], budget_chars: int, *, at_least: int = 1
) -> list[int]:
    """The best candidates whose lengths fit the budget together, best first.

    The first ``at_least`` are taken whatever their length.
    """
    chosen: list[int] = []
    used = 0
    for candidate in np.argsort(-scores, kind="stable").tolist():
        used += lengths[candidate]
        if used > budget_chars and len(chosen) >= at_least:
            break
        chosen.append(candidate)
    return chosen


def merge_neighbours(places: Mapping[int, Place]) -> list[list[int]]:
    """Group candidates that follow one another in a paragraph; each group in reading order.

    The groups come in the order in which their first member stands in ``places``.
    """
    rank = {candidate: i for i, candidate in enumerate(places)}
    groups: list[list[int]] = []
    for candidate in sorted(places, key=lambda candidate: _order(places[candidate])):
        place = places[candidate]
        if groups and _continues(places[groups[-1][0]], places[groups[-1][-1]], place):
            groups[-1].append(candidate)
        else:
            groups.append([candidate])
    return sorted(groups, key=lambda group: min(rank[candidate] for candidate in group))


def _continues(first: Place, last: Place, place: Place) -> bool:
    return (last.article, last.paragraph, last.number + 1) == (
        place.article,
        place.paragraph,
        place.number,
    ) and place.end - first.start <= PASSAGE_CHARS
