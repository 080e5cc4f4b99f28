"""Fit the figures of ``index/confidence.py``.

    python -m tests.bench.fit_confidence --topic TRAIN... --right DEV... --reader packaged

All files are in the format of SQuAD, or folders of written articles. Whether an article
speaks of a matter at all is learnt from retrieval alone, on training articles of every
length and tone. Whether the chosen sentence is right is learnt, for the packaged reader, on
development articles, since it knows the training articles by heart; for ``--reader none``
on training ones.

Prints the weights fitted on all of it; what two folds of the ``--right`` articles say of
each other, each judged by weights fitted on the other alone; and the share answered by
threshold.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from index import Engine, IndexSettings, Scope
from index.confidence import Signals
from index.training.written import read_written

OFF_TOPIC = 100
"""Questions of other articles asked of each, at most."""
EVERY = 10
"""Of the articles for ``--topic``, one in so many is enough."""
KINDS = ("answerable", "off-topic", "unanswerable")
THRESHOLDS = (0.01, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)


@dataclass(frozen=True, slots=True)
class Example:
    signals: Signals
    kind: str
    right: bool  # whether the quote holds a gold answer
    article: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--topic", nargs="+", type=Path, required=True)
    parser.add_argument("--right", nargs="+", type=Path, required=True)
    parser.add_argument("--reader", choices=("packaged", "none"), default="packaged")
    options = parser.parse_args()
    topic = [a for path in options.topic for a in read(path)[::EVERY]]
    outside = [q for a in read(options.topic[0]) for q in asked_of(a)]
    right = [a for path in options.right for a in read(path)]
    inside = [q for a in right for q in asked_of(a)]
    report(gathered("none", topic, outside), gathered(options.reader, right, inside))


def read(path: Path) -> list[dict[str, Any]]:
    content = read_written(path) if path.is_dir() else json.loads(path.read_bytes())
    articles: list[dict[str, Any]] = content["data"]
    return articles


def asked_of(article: dict[str, Any]) -> list[tuple[str, str]]:
    """(title, question) of what an article answers."""
    return [
        (article["title"], q["question"])
        for q in questions(article)
        if not q.get("is_impossible", False)
    ]


def gathered(
    reader: Literal["packaged", "none"],
    articles: list[dict[str, Any]],
    strange: list[tuple[str, str]],
) -> list[Example]:
    with (
        tempfile.TemporaryDirectory() as folder,
        Engine.open(IndexSettings(data_dir=Path(folder), reader=reader)) as engine,
    ):
        return list(gather(engine, articles, strange))


def gather(
    engine: Engine, articles: list[dict[str, Any]], strange: list[tuple[str, str]]
) -> Iterator[Example]:
    chance = random.Random(1)
    for number, article in enumerate(articles):
        print(f"{number + 1}/{len(articles)} {article['title']}", file=sys.stderr)
        scope = Scope.guild(number)
        text = "\n\n".join(p["context"] for p in article["paragraphs"])
        engine.add(scope, text.encode(), media_type="text/plain", title=article["title"])

        for question in questions(article):
            if question.get("is_impossible", False):
                yield ask(engine, number, question["question"], [], "unanswerable")
            else:
                golds = [answer["text"] for answer in question["answers"]]
                yield ask(engine, number, question["question"], golds, "answerable")
        others = [question for title, question in strange if title != article["title"]]
        count = min(OFF_TOPIC, len(asked_of(article)), len(others))
        for question in chance.sample(others, count):
            yield ask(engine, number, question, [], "off-topic")


def ask(engine: Engine, number: int, question: str, golds: list[str], kind: str) -> Example:
    vector = engine._embedder.encode([question])[0]
    searched = engine._library.searched(Scope.guild(number))
    reading = engine._outcome(searched, question, vector)
    quote = folded(reading.quote.text)
    right = any(folded(gold) in quote for gold in golds)
    return Example(reading.signals, kind, right, number)


def questions(article: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for paragraph in article["paragraphs"]:
        yield from paragraph["qas"]


def folded(text: str) -> str:
    return " ".join(text.casefold().split())


class Fitted:
    """The two models of ``index.confidence``, fitted on some examples."""

    def __init__(self, topic: list[Example], right: list[Example]) -> None:
        told = [e for e in topic if e.kind != "unanswerable"]
        asked = [e for e in right if e.kind != "off-topic"]
        self.topic = fit(topics(told), [e.kind != "off-topic" for e in told])
        self.right = fit(rights(asked), [e.right for e in asked])

    def confidence(self, examples: list[Example]) -> np.ndarray:
        topic = self.topic.predict_proba(topics(examples))[:, 1]
        return np.asarray(topic * self.right.predict_proba(rights(examples))[:, 1])

    def show(self) -> None:
        for model in (self.topic, self.right):
            weights = [*model.intercept_, *model.coef_[0]]
            print(f"({', '.join(f'{weight:.3f}' for weight in weights)})")


def topics(examples: list[Example]) -> np.ndarray:
    rows = [
        (e.signals.best_sentence_cosine, e.signals.best_window_cosine, e.signals.coverage)
        for e in examples
    ]
    return np.array(rows)


def rights(examples: list[Example]) -> np.ndarray:
    return np.array(
        [
            (s.quote_cosine, s.quote_coverage, s.lead)
            if s.margin is None
            else (s.quote_cosine, s.margin)
            for s in (example.signals for example in examples)
        ]
    )


def fit(values: np.ndarray, labels: list[bool]) -> LogisticRegression:
    return LogisticRegression(C=1000, max_iter=10_000).fit(values, labels)


def report(topic: list[Example], examples: list[Example]) -> None:
    print("fitted on all:")
    Fitted(topic, examples).show()
    folds = [[e for e in examples if e.article % 2 == parity] for parity in (0, 1)]
    judged = [*folds[0], *folds[1]]
    sure = np.concatenate(
        [
            Fitted(topic, folds[1]).confidence(folds[0]),
            Fitted(topic, folds[0]).confidence(folds[1]),
        ]
    )
    kinds = np.array([e.kind for e in judged])
    right = np.array([e.right for e in judged])
    answerable = sure[kinds == "answerable"]
    print(f"quote holds the answer: {np.mean(right[kinds == 'answerable']):.3f}")
    print("two folds, each judged by the other's weights:")
    for kind in ("unanswerable", "off-topic"):
        against = sure[kinds == kind]
        if len(against):
            both = np.concatenate([answerable, against])
            labels = np.repeat([1, 0], [len(answerable), len(against)])
            print(f"AUROC against {kind}: {roc_auc_score(labels, both):.3f}")
    limit = np.quantile(answerable, 0.05)
    off = np.mean(sure[kinds == "off-topic"] >= limit)
    print(f"off-topic answered when 95 % of answerable are: {off:.4f}")
    asked = kinds != "off-topic"
    print(f"calibration error, 15 bins of equal mass: {error(sure[asked], right[asked]):.3f}")
    low = np.quantile(answerable, [0.005, 0.01, 0.02, 0.05])
    print("answerable, lowest half, one, two and five percent below:", np.round(low, 3))
    print("threshold  " + "  ".join(f"{kind:>12}" for kind in KINDS))
    for threshold in THRESHOLDS:
        shares = [np.mean(sure[kinds == kind] >= threshold) for kind in KINDS]
        print(f"{threshold:9.3f}  " + "  ".join(f"{share:12.3f}" for share in shares))


def error(sure: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    parts = np.array_split(np.argsort(sure), bins)
    return sum(len(p) * abs(sure[p].mean() - right[p].mean()) for p in parts) / len(sure)


if __name__ == "__main__":
    main()
