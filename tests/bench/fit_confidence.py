"""Fit the figures of ``index/confidence.py``: python -m tests.bench.fit_confidence FILE...

FILE is training data in the format of SQuAD; articles that any report is made from
must not be in it. Prints the two models' weights, and for a range of thresholds what
share of answerable and of off-topic questions would be answered.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from index import Engine, IndexSettings, Scope
from index.confidence import Signals, confidence

OFF_TOPIC = 100
"""Questions of other articles asked of each."""


@dataclass(frozen=True, slots=True)
class Example:
    signals: Signals
    kind: str  # answerable, unanswerable, off-topic
    right: bool  # whether the quote holds a gold answer


def main(files: list[str]) -> None:
    articles = [a for name in files for a in json.loads(Path(name).read_bytes())["data"]]
    with tempfile.TemporaryDirectory() as folder:
        with Engine.open(IndexSettings(data_dir=Path(folder))) as engine:
            examples = list(gather(engine, articles))
    report(examples)


def gather(engine: Engine, articles: list[dict[str, Any]]) -> Iterator[Example]:
    chance = random.Random(1)
    for number, article in enumerate(articles):
        print(f"{number + 1}/{len(articles)} {article['title']}", file=sys.stderr)
        scope = Scope.guild(number)
        text = "\n\n".join(p["context"] for p in article["paragraphs"])
        engine.add(scope, text.encode(), media_type="text/plain", title=article["title"])
        for question in questions(article):
            impossible = question.get("is_impossible", False)
            golds = [] if impossible else [answer["text"] for answer in question["answers"]]
            yield ask(
                engine,
                scope,
                question["question"],
                golds,
                "unanswerable" if impossible else "answerable",
            )
        others = [
            q["question"]
            for other in articles
            if other is not article
            for q in questions(other)
            if not q.get("is_impossible", False)
        ]
        for text in chance.sample(others, min(OFF_TOPIC, len(others))):
            yield ask(engine, scope, text, [], "off-topic")


def questions(article: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for paragraph in article["paragraphs"]:
        yield from paragraph["qas"]


def ask(engine: Engine, scope: Scope, question: str, golds: list[str], kind: str) -> Example:
    vector = engine._embedder.encode([question])[0]
    reading = engine._outcome(engine._library.searched(scope), question, vector)
    quote = folded(reading.quote.text)
    return Example(reading.signals, kind, any(folded(gold) in quote for gold in golds))


def folded(text: str) -> str:
    return " ".join(text.casefold().split())


def report(examples: list[Example]) -> None:
    values = np.array([astuple(e.signals) for e in examples])
    kinds = np.array([e.kind for e in examples])
    right = np.array([e.right for e in examples])
    told = kinds != "unanswerable"
    show("_TOPIC", fit(values[told][:, :3], kinds[told] != "off-topic"))
    asked = kinds != "off-topic"
    show("_RIGHT", fit(values[asked][:, 3:], right[asked]))
    sure = np.array([confidence(e.signals) for e in examples])
    print("with the figures in force, the share answered at each threshold:")
    print("threshold  " + "  ".join(sorted(set(kinds))))
    for threshold in np.arange(0.05, 0.75, 0.05):
        shares = [np.mean(sure[kinds == kind] >= threshold) for kind in sorted(set(kinds))]
        print(f"{threshold:9.2f}  " + "  ".join(f"{share:10.3f}" for share in shares))


def fit(values: np.ndarray, labels: np.ndarray) -> LogisticRegression:
    return LogisticRegression(C=100, max_iter=10_000).fit(values, labels)


def show(name: str, model: LogisticRegression) -> None:
    weights = [*model.intercept_, *model.coef_[0]]
    print(f"{name} = ({', '.join(f'{weight:.3f}' for weight in weights)})")


if __name__ == "__main__":
    main(sys.argv[1:])
