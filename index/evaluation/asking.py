"""Asks question sets through the engine and keeps what came of each question.

Every article gets a scope of its own in a temporary library, so the stored one is
neither read nor touched. Nothing abstains while asking (threshold 0); the threshold
in force is applied to the confidences afterwards.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from index.engine import Engine
from index.errors import QuestionError, SourceError
from index.evaluation.figures import RESAMPLES, SEED, Figures, SortFigures, by_sort, figures_of
from index.evaluation.outcome import Asked, Outcome, judge
from index.evaluation.slips import with_slips
from index.evaluation.squad import SquadArticle, SquadQuestion, read_squad
from index.ranking import WEIGHTS
from index.reader import Reader
from index.settings import IndexSettings
from index.types import Progress, Scope

if TYPE_CHECKING:
    from index.embedding import Embedder

OFF_TOPIC_LIMIT = 200
OFF_TOPIC_RULE = (
    "Each article is also asked as many answerable questions of the other articles of its file"
    f" as it has answerable ones itself, at most {OFF_TOPIC_LIMIT}, drawn with a fixed seed."
)
POOLED = "all"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The figures of every file and of all together, and the outcomes behind them."""

    threshold: float
    model: str
    slips: bool
    files: tuple[Figures, ...]
    pooled: Figures
    outcomes: tuple[Outcome, ...]

    @property
    def sorts(self) -> tuple[SortFigures, ...]:
        """The answerable questions by their question word."""
        return by_sort(self.outcomes)

    def to_json(self) -> dict[str, Any]:
        """The figures as plain values for ``json.dumps``; the outcomes stay behind."""
        return {
            "model": self.model,
            "threshold": self.threshold,
            "slips": self.slips,
            "off_topic_rule": OFF_TOPIC_RULE,
            "intervals": f"95 %, {RESAMPLES} bootstrap draws of whole articles, seed {SEED}",
            "files": [_plain(figures) for figures in self.files],
            "pooled": _plain(self.pooled),
            "sorts": [asdict(sort) for sort in self.sorts],
        }


def evaluate(
    files: Sequence[str | Path],
    settings: IndexSettings,
    *,
    embedder: Embedder | None = None,
    reader: Reader | None = None,
    weights: Mapping[str, float] = WEIGHTS,
    threshold: float | None = None,
    slips: bool = False,
    progress: Progress | None = None,
) -> Evaluation:
    """Ask every question of ``files`` (SQuAD format) and work out the figures.

    ``embedder``, ``reader`` and ``weights`` stand in for those of ``Engine.open``. With ``slips``
    each question comes with one slip of the finger, always the same.

    SourceError when a file is malformed, before any question is asked.
    """
    in_force = settings.threshold if threshold is None else threshold
    sets = [(name, read_squad(Path(name))) for name in dict.fromkeys(map(str, files))]
    if slips:
        chance = random.Random(SEED)  # noqa: S311 - repeatable, and no secret
        sets = [(name, tuple(with_slips(one, chance) for one in found)) for name, found in sets]
    with tempfile.TemporaryDirectory(prefix="article-bot-") as folder:
        apart = settings.model_copy(update={"data_dir": Path(folder)})
        with Engine.open(apart, embedder=embedder, reader=reader, weights=weights) as engine:
            outcomes = ask_all(engine, sets, progress)
    return Evaluation(
        threshold=in_force,
        model=settings.model,
        slips=slips,
        files=tuple(
            figures_of(name, [o for o in outcomes if o.file == name], in_force) for name, _ in sets
        ),
        pooled=figures_of(POOLED, outcomes, in_force),
        outcomes=outcomes,
    )


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What one article is asked."""

    file: str
    article: SquadArticle
    questions: tuple[tuple[Asked, SquadQuestion], ...]


def ask_all(
    engine: Engine,
    sets: Sequence[tuple[str, Sequence[SquadArticle]]],
    progress: Progress | None = None,
) -> tuple[Outcome, ...]:
    """Add every article to a scope of its own and ask it its questions, in order."""
    tell = progress or (lambda _stage, _done, _total: None)
    sheets = [
        _Sheet(file, article, (*_own(article), *off_topic(articles, index)))
        for file, articles in sets
        for index, article in enumerate(articles)
    ]
    for number, sheet in enumerate(sheets):
        tell("adding", number, len(sheets))
        _add(engine, Scope.guild(number), sheet)
    total = sum(len(sheet.questions) for sheet in sheets)
    outcomes: list[Outcome] = []
    for number, sheet in enumerate(sheets):
        scope = Scope.guild(number)
        engine.warm(scope)  # loading is no part of an answer's time
        for asked, question in sheet.questions:
            tell("asking", len(outcomes), total)
            outcomes.append(_ask(engine, scope, sheet, asked, question))
    tell("asking", total, total)
    return tuple(outcomes)


def off_topic(articles: Sequence[SquadArticle], index: int) -> list[tuple[Asked, SquadQuestion]]:
    """A sample of the other articles' answerable questions: see OFF_TOPIC_RULE."""
    others = [
        question
        for other, article in enumerate(articles)
        if other != index
        for question in article.questions
        if question.answerable
    ]
    own = sum(question.answerable for question in articles[index].questions)
    size = min(own, OFF_TOPIC_LIMIT, len(others))
    drawn = random.Random(f"{SEED}:{index}").sample(others, size)  # noqa: S311 - no secret
    return [(Asked.OFF_TOPIC, question) for question in drawn]


def _add(engine: Engine, scope: Scope, sheet: _Sheet) -> None:
    article = sheet.article
    try:
        engine.add(scope, article.text.encode(), media_type="text/plain", title=article.title)
    except SourceError as error:
        raise SourceError(f"{sheet.file}: the article {article.title!r}: {error}") from error


def _own(article: SquadArticle) -> Iterator[tuple[Asked, SquadQuestion]]:
    for question in article.questions:
        yield (Asked.ANSWERABLE if question.answerable else Asked.UNANSWERABLE), question


def _ask(
    engine: Engine, scope: Scope, sheet: _Sheet, asked: Asked, question: SquadQuestion
) -> Outcome:
    article = sheet.article
    begun = time.perf_counter()
    try:
        answer = engine.ask(scope, question.text, threshold=0.0)
    except QuestionError:
        return Outcome(sheet.file, article.title, asked, question.text, refused=True)
    return judge(
        answer,
        () if asked is Asked.OFF_TOPIC else question.golds,
        article.text,
        file=sheet.file,
        article=article.title,
        asked=asked,
        elapsed_ms=(time.perf_counter() - begun) * 1000,
    )


def _plain(figures: Figures) -> dict[str, Any]:
    content = asdict(figures)
    content["figures"] = {
        figure.name: {"value": figure.value, "low": figure.low, "high": figure.high}
        for figure in figures.figures
    }
    return content
