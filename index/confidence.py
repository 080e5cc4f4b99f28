"""How likely it is that a quote answers its question.

Two logistic models, multiplied: whether the article speaks of the matter at all, by the best
cosines, by how much of the question's weight of words the nearest windows hold, and by the
chosen sentence's cosine, the reader's margin and that of the verifier, which reads this
sentence alone; and, if so, whether the sentence is the right one: by both margins, more steeply
where these say that it is surely not, and by how many of the question's words the windows hold
and neither it nor the one before it does.
Where the reader has no margin, by the sentence's cosine, its own words and its lead. What each
part is worth stands in ``index/data/READER.md``.

Fitted by ``python -m tests.bench.fit_confidence``, both at once for the packaged reader, which
knows its training articles by heart, on SQuAD's development questions and the written ones.
What it is worth is reported by two folds of these, each judged by weights that were fitted
on the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_PICKED = ((-12.199, 16.680, 5.301, 9.287), (-2.586, 1.901, 2.043, 4.779))
_READ = (
    (-2.831, 3.127, 2.631, 0.720, 2.420, 0.127, 0.104),
    (0.597, 0.102, 0.084, -3.361, 0.080, 0.056),
)
"""Bias and slopes of both models, for an answer without a margin and for one with it."""
_SURELY_NOT = -3.0
"""A margin below this one counts more, unit for unit. With one slope for all, 49 in a hundred of
the written articles' near-misses were answered where 92 of the answerable questions are, and not
45 (weights of then)."""


@dataclass(frozen=True, slots=True)
class Signals:
    """What the figure rests on. Cosines are -1..1, coverages 0..1.

    ``coverage`` is the share of the question's words, weighed by their rarity (IDF),
    that the best of the nearest windows holds, ``quote_coverage`` that of the chosen
    sentence, ``context_coverage`` that of it and the one before it; ``lead`` is how far the
    reader's choice is ahead of its second, ``margin`` how far ahead of "not here", and ``verified``
    that of the sentence by itself; None where the reader cannot tell.
    """

    best_sentence_cosine: float
    best_window_cosine: float
    coverage: float
    quote_cosine: float
    quote_coverage: float
    context_coverage: float
    lead: float
    margin: float | None = None
    verified: float | None = None


def confidence(signals: Signals) -> float:
    """The calibrated probability, 0..1, that the chosen sentence answers the question."""
    topic, right = _PICKED if signals.margin is None else _READ
    return _logistic(topic, *matter(signals)) * _logistic(right, *own(signals))


def matter(signals: Signals) -> tuple[float, ...]:
    """What the first model looks at."""
    best = signals.best_sentence_cosine, signals.best_window_cosine, signals.coverage
    return best if signals.margin is None else (*best, signals.quote_cosine, *_margins(signals))


def own(signals: Signals) -> tuple[float, ...]:
    """What the second model looks at."""
    if signals.margin is None:
        return signals.quote_cosine, signals.quote_coverage, signals.lead
    margins = _margins(signals)
    denied = (min(0.0, margin - _SURELY_NOT) for margin in margins)
    return *margins, signals.coverage - signals.context_coverage, *denied


def _margins(signals: Signals) -> tuple[float, float]:
    margin = signals.margin or 0.0
    return margin, margin if signals.verified is None else signals.verified


def _logistic(weights: tuple[float, ...], *values: float) -> float:
    bias, *slopes = weights
    return 1 / (1 + math.exp(-bias - sum(w * x for w, x in zip(slopes, values, strict=True))))
