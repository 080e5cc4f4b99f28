"""How likely it is that a quote answers its question.

Two logistic models, multiplied: whether the article speaks of the matter at all, by
the best cosines and by how much of the question's weight of words the nearest
windows hold; and, if so, whether the chosen sentence is the right one, by its own
cosine, its own words and its lead over the second. Similarity alone cannot tell that
an article on the matter leaves out just the thing asked (AUROC about 0.65); that is
for a reader to learn.

Fitted on Wikipedia articles by ``python -m tests.bench.fit_confidence``, which prints
the figures below; never on the articles that any report is made from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_TOPIC = (-12.199, 16.680, 5.301, 9.287)
_RIGHT = (-2.586, 1.901, 2.043, 4.779)


@dataclass(frozen=True, slots=True)
class Signals:
    """What the figure rests on. Cosines are -1..1, the others 0..1.

    ``coverage`` is the share of the question's words, weighed by their rarity (IDF),
    that the best of the nearest windows holds, ``quote_coverage`` that of the chosen
    sentence; ``lead`` is its fused score less that of the second.
    """

    best_sentence_cosine: float
    best_window_cosine: float
    coverage: float
    quote_cosine: float
    quote_coverage: float
    lead: float


def confidence(signals: Signals) -> float:
    """The calibrated probability, 0..1, that the chosen sentence answers the question."""
    topic = _logistic(
        _TOPIC, signals.best_sentence_cosine, signals.best_window_cosine, signals.coverage
    )
    right = _logistic(_RIGHT, signals.quote_cosine, signals.quote_coverage, signals.lead)
    return topic * right


def _logistic(weights: tuple[float, ...], *values: float) -> float:
    bias, *slopes = weights
    return 1 / (1 + math.exp(-bias - sum(w * x for w, x in zip(slopes, values, strict=True))))
