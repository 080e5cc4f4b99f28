"""Outcomes in, figures with intervals out; pure numbers.

The intervals are 95 % percentile bootstraps that draw whole articles, since questions
about one article are not independent. Seeded, so the same outcomes give the same figures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.evaluation.outcome import Asked, Outcome, sort_of

SEED = 20240229
RESAMPLES = 1000
CALIBRATION_BINS = 10

# One row a question; a structured array, so that a resample is a single indexing.
_ROW = np.dtype(
    [
        ("asked", "i1"),
        ("confidence", "f8"),
        ("hit", "f8"),
        ("placed", "f8"),
        ("exact", "f8"),
        ("f1", "f8"),
        ("quotes", "f8"),
        ("quote_chars", "f8"),
        ("byte_exact", "f8"),
        ("elapsed_ms", "f8"),
        ("refused", "?"),
    ]
)
_ASKED = list(Asked)

Rows = NDArray[Any]
Measure = Callable[[Rows, float], float]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Figure:
    """A value and its 95 % interval; None where the data cannot say."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one file, or of all of them pooled."""

    name: str
    articles: int
    answerable: int
    unanswerable: int
    off_topic: int
    refused: int
    figures: tuple[Figure, ...]

    def __getitem__(self, name: str) -> Figure:
        return next(figure for figure in self.figures if figure.name == name)


def figures_of(name: str, outcomes: Sequence[Outcome], threshold: float) -> Figures:
    """Every figure over these outcomes, with the threshold in force."""
    rows = np.array([_row(outcome) for outcome in outcomes], dtype=_ROW)
    draws = _draws(outcomes)
    count = {asked: int((rows["asked"] == code).sum()) for code, asked in enumerate(_ASKED)}
    judged = tuple(
        _with_interval(figure, measure, rows, draws, threshold)
        for figure, measure in _JUDGED.items()
    )
    plain = tuple(
        Figure(figure, _known(measure(rows, threshold))) for figure, measure in _PLAIN.items()
    )
    return Figures(
        name=name,
        articles=len(_by_article(outcomes)),
        answerable=count[Asked.ANSWERABLE],
        unanswerable=count[Asked.UNANSWERABLE],
        off_topic=count[Asked.OFF_TOPIC],
        refused=int(rows["refused"].sum()),
        figures=judged + plain,
    )


@dataclass(frozen=True, slots=True)
class SortFigures:
    """How one sort of answerable question fared: shares of ``asked``."""

    sort: str
    asked: int
    quote_hit: float
    span_f1: float


def by_sort(outcomes: Sequence[Outcome]) -> tuple[SortFigures, ...]:
    """The answerable questions by their question word, most frequent first."""
    sorts: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.asked is Asked.ANSWERABLE:
            sorts.setdefault(sort_of(outcome.question), []).append(outcome)
    return tuple(
        SortFigures(
            sort,
            len(found),
            sum(o.hit for o in found) / len(found),
            sum(o.f1 for o in found) / len(found),
        )
        for sort, found in sorted(sorts.items(), key=lambda item: (-len(item[1]), item[0]))
    )


def reliability(confidence: Floats, right: Floats, bins: int = CALIBRATION_BINS) -> Floats:
    """Mean confidence, share right and count of bins of equal mass, shape (bins, 3)."""
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, bins) if part.size]
    rows = [(confidence[p].mean(), right[p].mean(), p.size) for p in parts]
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def auroc(positive: Floats, negative: Floats) -> float:
    """Chance that a positive scores above a negative, a tie counting half; nan if either lacks."""
    if not positive.size or not negative.size:
        return math.nan
    ranked = np.sort(negative)
    below = np.searchsorted(ranked, positive, side="left")
    not_above = np.searchsorted(ranked, positive, side="right")
    return float((below + not_above).mean() / 2 / ranked.size)


def calibration_error(confidence: Floats, right: Floats, bins: int = CALIBRATION_BINS) -> float:
    """Mean gap between confidence and truth over bins of equal mass.

    Nguyen and O'Connor (2015): bins of equal width are mostly empty or mostly full.
    """
    if not confidence.size:
        return math.nan
    sure, true, count = reliability(confidence, right, bins).T
    return float((np.abs(sure - true) * count).sum() / confidence.size)


def _row(outcome: Outcome) -> tuple[object, ...]:
    values = (getattr(outcome, str(name)) for name in (_ROW.names or ())[1:])
    return (_ASKED.index(outcome.asked), *values)


def _by_article(outcomes: Sequence[Outcome]) -> list[NDArray[np.int64]]:
    places: dict[tuple[str, str], list[int]] = {}
    for index, outcome in enumerate(outcomes):
        places.setdefault((outcome.file, outcome.article), []).append(index)
    return [np.array(found, dtype=np.int64) for found in places.values()]


def _draws(outcomes: Sequence[Outcome]) -> list[NDArray[np.int64]]:
    """Row numbers of every resample; none for one article, which cannot tell how they differ."""
    articles = _by_article(outcomes)
    count = len(articles)
    if count < 2:
        return []
    picks = np.random.default_rng(SEED).integers(0, count, size=(RESAMPLES, count))
    return [np.concatenate([articles[pick] for pick in row]) for row in picks]


def _with_interval(
    name: str,
    measure: Measure,
    rows: Rows,
    draws: Sequence[NDArray[np.int64]],
    threshold: float,
) -> Figure:
    value = _known(measure(rows, threshold))
    if value is None or not draws:
        return Figure(name, value)
    drawn = np.array([measure(rows[draw], threshold) for draw in draws])
    drawn = drawn[~np.isnan(drawn)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Figure(name, value, float(low), float(high))


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _only(rows: Rows, asked: Asked) -> Rows:
    chosen: Rows = rows[rows["asked"] == _ASKED.index(asked)]
    return chosen


def _mean(values: Floats) -> float:
    return float(values.mean()) if values.size else math.nan


def _answerable(column: str) -> Measure:
    return lambda rows, _: _mean(_only(rows, Asked.ANSWERABLE)[column])


def _quote_chars(rows: Rows, _: float) -> float:
    quoted = _only(rows, Asked.ANSWERABLE)
    return _mean(quoted["quote_chars"][quoted["quotes"] > 0])


def _answers(asked: Asked) -> Measure:
    """Share of these questions that is answered at the threshold in force."""

    def share(rows: Rows, threshold: float) -> float:
        return _mean(_answered(_only(rows, asked), threshold).astype(np.float64))

    return share


def _answered(rows: Rows, threshold: float) -> NDArray[np.bool_]:
    return np.asarray((rows["quotes"] > 0) & (rows["confidence"] >= threshold), dtype=np.bool_)


def _hit_when_answered(rows: Rows, threshold: float) -> float:
    mine = _only(rows, Asked.ANSWERABLE)
    return _mean(mine["hit"][_answered(mine, threshold)])


def _auroc_against(asked: Asked) -> Measure:
    def area(rows: Rows, _: float) -> float:
        answerable = _only(rows, Asked.ANSWERABLE)["confidence"]
        return auroc(answerable, _only(rows, asked)["confidence"])

    return area


def _calibration(rows: Rows, _: float) -> float:
    # Off-topic questions are left out: how many there are is our choice, not the data's.
    own = rows[rows["asked"] != _ASKED.index(Asked.OFF_TOPIC)]
    return calibration_error(own["confidence"], own["hit"])


def _calibration_answerable(rows: Rows, _: float) -> float:
    answerable = _only(rows, Asked.ANSWERABLE)
    return calibration_error(answerable["confidence"], answerable["hit"])


def _latency(percent: float) -> Measure:
    def percentile(rows: Rows, _: float) -> float:
        elapsed = rows["elapsed_ms"][~rows["refused"]]
        return float(np.percentile(elapsed, percent)) if elapsed.size else math.nan

    return percentile


def _byte_exact(rows: Rows, _: float) -> float:
    quotes = rows["quotes"].sum()
    return float(rows["byte_exact"].sum() / quotes) if quotes else math.nan


_JUDGED: dict[str, Measure] = {
    "quote_hit": _answerable("hit"),
    "quote_hit_placed": _answerable("placed"),
    "quote_chars": _quote_chars,
    "span_exact": _answerable("exact"),
    "span_f1": _answerable("f1"),
    "answered_answerable": _answers(Asked.ANSWERABLE),
    "quote_hit_when_answered": _hit_when_answered,
    "false_answers_unanswerable": _answers(Asked.UNANSWERABLE),
    "false_answers_off_topic": _answers(Asked.OFF_TOPIC),
    "auroc_unanswerable": _auroc_against(Asked.UNANSWERABLE),
    "auroc_off_topic": _auroc_against(Asked.OFF_TOPIC),
    "calibration_error": _calibration,
    "calibration_error_answerable": _calibration_answerable,
}
_PLAIN: dict[str, Measure] = {
    "p50_ms": _latency(50),
    "p95_ms": _latency(95),
    "byte_exact": _byte_exact,
}
