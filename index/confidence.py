"""How likely it is that a quote answers its question.

Two logistic models, multiplied: whether the article speaks of the matter at all, by the best
cosines and by how much of the question's weight of words the nearest windows hold; and, if
so, whether the chosen sentence is the right one, by its own cosine and the reader's margin,
or, where it has no margin, by its cosine, its own words and its lead.

How many of the question's words stand in or around the sentence told SQuAD's unanswerable
questions apart better (around it: AUROC 0.786 for 0.774), and worse those whose paragraph is
really missing (0.926 for 0.944): their authors had the paragraph before their eyes and took
its words. Beside a margin it is left out.

Fitted on what ``python -m tests.bench.fit_confidence`` gathers: the first model on training
articles of every length; the second, for the packaged reader, which knows those by heart,
on every second of SQuAD's development questions and on 322 of the written ones. What it is
worth is reported by two folds of these, each judged by weights that were fitted on the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_PICKED = ((-12.199, 16.680, 5.301, 9.287), (-2.586, 1.901, 2.043, 4.779))
_READ = ((-7.685, 9.880, 9.449, 7.082), (-1.591, 2.074, 0.0, 0.239))
"""Bias and slopes of both models, for an answer without a margin and for one with it."""


@dataclass(frozen=True, slots=True)
class Signals:
    """What the figure rests on. Cosines are -1..1, coverages 0..1.

    ``coverage`` is the share of the question's words, weighed by their rarity (IDF),
    that the best of the nearest windows holds, ``quote_coverage`` that of the chosen
    sentence; ``lead`` is how far the reader's choice is ahead of its second, ``margin`` how
    far ahead of "not here", None where the reader cannot tell.
    """

    best_sentence_cosine: float
    best_window_cosine: float
    coverage: float
    quote_cosine: float
    quote_coverage: float
    lead: float
    margin: float | None = None


def confidence(signals: Signals) -> float:
    """The calibrated probability, 0..1, that the chosen sentence answers the question."""
    topic, right = _PICKED if signals.margin is None else _READ
    last = signals.lead if signals.margin is None else signals.margin
    own = (signals.quote_cosine, signals.quote_coverage, last)
    best = (signals.best_sentence_cosine, signals.best_window_cosine, signals.coverage)
    return _logistic(topic, *best) * _logistic(right, *own)


def _logistic(weights: tuple[float, ...], *values: float) -> float:
    bias, *slopes = weights
    return 1 / (1 + math.exp(-bias - sum(w * x for w, x in zip(slopes, values, strict=True))))
