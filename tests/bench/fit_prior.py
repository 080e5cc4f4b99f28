"""Fit the figures of ``index/prior.py``, and the weight of "not here" beside them.

    python -m tests.bench.fit_prior DEV...

Files in the format of SQuAD, or folders of written articles, that the reader was not trained on.
Every answerable question is a choice among the sentences that are read for it (conditional
logit: McFadden 1974); those are right that hold a gold answer. A question on a written
article counts so much that both sorts of article weigh alike.

Prints how often the sentence chosen is right by the figures as they are, and by two folds of the
articles, each judged by what was fitted on the other; then what is fitted on all of them.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import logsumexp

from index import Engine, IndexSettings, Scope
from index.bert import Rows
from index.gathering import Block
from index.prior import _SLOPES
from index.reader.spans import MAX_TOKENS, NULL_WEIGHT, Model, SpanReader, _marked

from .fit_confidence import added, folded, questions, read

PENALTY = 1e-3
"""On the squares of the slopes of values of spread 1, for each question."""
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Choice:
    """A row for each sentence: margin, "not here", and its evidence; and which are right."""

    values: Floats
    right: npt.NDArray[np.bool_]
    article: int
    written: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dev", nargs="+", type=Path)
    articles = [article for path in parser.parse_args().dev for article in read(path)]
    choices = list(gather(articles))
    as_it_is = np.array([1.0, NULL_WEIGHT, *_SLOPES])
    tell("as it is", choices, [as_it_is, as_it_is])
    folds = [[c for c in choices if c.article % 2 == parity] for parity in (0, 1)]
    tell("in two folds", choices, [fit(folds[1]), fit(folds[0])])
    found = fit(choices)
    print("fitted on all:", np.round(found / found[0], 2).tolist())


def gather(articles: Sequence[dict[str, Any]]) -> Iterator[Choice]:
    with (
        tempfile.TemporaryDirectory() as folder,
        Engine.open(IndexSettings(data_dir=Path(folder))) as engine,
    ):
        model = SpanReader.packaged()._model()
        for number, article in added(engine, articles):
            for question in questions(article):
                if question.get("is_impossible", False):
                    continue
                golds = [folded(answer["text"]) for answer in question["answers"]]
                asked = question["question"]
                rows = [
                    row
                    for block in engine.read_for(asked, Scope.guild(number))
                    for row in told(model, asked, block, golds)
                ]
                if not rows:
                    continue
                values, right = zip(*rows, strict=True)
                yield Choice(np.array(values), np.array(right), number, article["written"])


def told(
    model: Model, question: str, block: Block, golds: Sequence[str]
) -> Iterator[tuple[tuple[float, ...], bool]]:
    """Of each sentence that may be quoted from a block: its values, and whether it is right."""
    text = block.passage.text
    evidence = dict(zip(block.passage.sentences, block.evidence, strict=True))
    encoding = model.tokenizer.encode(question, text)
    scores = model.network(Rows.of([encoding], model.padding, MAX_TOKENS))[0]
    for one in _marked(0, block.passage, encoding, scores, (0.0, 0.0)):
        said = folded(text[one.sentence.start : one.sentence.end])
        values = one.span.margin, float(scores[0].sum()), *evidence[one.sentence]
        yield values, any(gold in said for gold in golds)


def fit(choices: Sequence[Choice]) -> Floats:
    choices = [c for c in choices if c.right.any() and not c.right.all()]
    spread = np.concatenate([c.values for c in choices]).std(axis=0)
    sorts = [sum(c.written == written for c in choices) for written in (False, True)]
    counts = [len(choices) / sorts[c.written] / sum(map(bool, sorts)) for c in choices]

    def loss(slopes: Floats) -> tuple[float, Floats]:
        total, down = PENALTY * len(choices) * slopes @ slopes, 2 * PENALTY * len(choices) * slopes
        for choice, count in zip(choices, counts, strict=True):
            values = choice.values / spread
            scores = values @ slopes
            every, right = logsumexp(scores), logsumexp(scores[choice.right])
            total += count * (every - right)
            among = np.exp(scores - every) - choice.right * np.exp(scores - right)
            down = down + count * (among @ values)
        return float(total), down

    begin = np.zeros(len(spread))
    found: Floats = minimize(loss, begin, jac=True, method="L-BFGS-B").x / spread
    return found


def tell(name: str, choices: Sequence[Choice], slopes: Sequence[Floats]) -> None:
    for sort, written in (("SQuAD's", False), ("written", True)):
        chosen = [
            bool(c.right[np.argmax(c.values @ slopes[c.article % 2])])
            for c in choices
            if c.written == written
        ]
        if chosen:
            print(f"{sort} articles, {name}: {np.mean(chosen):.4f} of {len(chosen)}")


if __name__ == "__main__":
    main()
