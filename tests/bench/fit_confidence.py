"""Fit the figures of ``index/confidence.py``.

    python -m tests.bench.fit_confidence --right DEV...
    python -m tests.bench.fit_confidence --reader none --topic TRAIN... --right TRAIN...

All files are in the format of SQuAD, or folders of written articles. For the packaged
reader both models are learnt at once, from whether the quote is right, on development
articles, since it knows the training articles by heart. Without it, whether an article speaks
of a matter at all is learnt from retrieval alone, on training articles of every length
and tone, and whether the chosen sentence is right on those of ``--right``.

Prints the weights fitted on all of it; what two folds of the ``--right`` articles say of
each other, each judged by weights fitted on the other alone (without a reader the first model
is fitted on all of ``--topic``); and the share answered by threshold.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from index import Engine, IndexSettings, Scope
from index.confidence import Signals, matter, own
from index.training.written import read_written

OFF_TOPIC = 100
"""Questions of other articles asked of each, at most."""
EVERY = 10
"""Of the articles for ``--topic``, one in so many is enough."""
WRITTEN = 0.3
"""What a question on a written article counts beside one of SQuAD's: they are more than twice as
many, and with 0.5 SQuAD's lost 0.3 points of AUROC and calibration (an error of 0.056 for 0.040),
for a point and a half of off-topic questions on theirs."""
OFF_TOPIC_COUNTS = 4.0
"""What an off-topic question counts beside others: they are easy, and answering one looks silly.
With 6, two in a hundred fewer of them were answered on written articles, and three of near-misses
more."""
PENALTY = 3e-3
"""On the squares of the slopes, for each example. With a third of it what tells one half of the articles
apart served the other less: 7 instead of 5 of 600 off-topic questions were answered at 95 %."""
KINDS = ("answerable", "off-topic", "unanswerable")
Floats = npt.NDArray[np.float64]
THRESHOLDS = (0.01, 0.02, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6)


@dataclass(frozen=True, slots=True)
class Example:
    signals: Signals
    kind: str
    right: bool  # whether the quote holds a gold answer
    article: int
    written: bool = False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--topic", nargs="+", type=Path, default=[])
    parser.add_argument("--right", nargs="+", type=Path, required=True)
    parser.add_argument("--reader", choices=("packaged", "none"), default="packaged")
    options = parser.parse_args()
    if options.reader == "none" and not options.topic:
        parser.error("--reader none needs --topic")
    right = [a for path in options.right for a in read(path)]
    inside = [q for a in right for q in asked_of(a)]
    examples = list(gathered(options.reader, right, inside))
    if options.reader == "packaged":
        report(examples, Together)
        return
    topic = [a for path in options.topic for a in read(path)[::EVERY]]
    outside = [q for a in read(options.topic[0]) for q in asked_of(a)]
    about = gathered("none", topic, outside)
    report(examples, lambda some: Apart(about, some))


def read(path: Path) -> list[dict[str, Any]]:
    content = read_written(path) if path.is_dir() else json.loads(path.read_bytes())
    articles: list[dict[str, Any]] = content["data"]
    return [{**article, "written": path.is_dir()} for article in articles]


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
    for number, article in added(engine, articles):
        for question in questions(article):
            is_answered = not question.get("is_impossible", False)
            golds = [answer["text"] for answer in question["answers"]] if is_answered else []
            kind = "answerable" if is_answered else "unanswerable"
            yield ask(engine, number, question["question"], golds, kind, article["written"])
        others = [question for title, question in strange if title != article["title"]]
        count = min(OFF_TOPIC, len(asked_of(article)), len(others))
        for question in chance.sample(others, count):
            yield ask(engine, number, question, [], "off-topic", article["written"])


def added(
    engine: Engine, articles: Sequence[dict[str, Any]]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each article as soon as it is the only one of the server with its number."""
    for number, article in enumerate(articles):
        print(f"{number + 1}/{len(articles)} {article['title']}", file=sys.stderr)
        text = "\n\n".join(p["context"] for p in article["paragraphs"])
        scope = Scope.guild(number)
        engine.add(scope, text.encode(), media_type="text/plain", title=article["title"])
        yield number, article


def ask(  # noqa: PLR0917 - one question, and all that is known of it
    engine: Engine, number: int, question: str, golds: list[str], kind: str, written: bool
) -> Example:
    vector = engine._embedder.encode([question])[0]
    searched = engine._library.searched(Scope.guild(number))
    reading = engine._outcome(searched, question, vector)
    quote = folded(reading.quote.text)
    right = any(folded(gold) in quote for gold in golds)
    return Example(reading.signals, kind, right, number, written)


def questions(article: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for paragraph in article["paragraphs"]:
        yield from paragraph["qas"]


def folded(text: str) -> str:
    return " ".join(text.casefold().split())


class Apart:
    """The two models of ``index.confidence``, each fitted on its own question."""

    def __init__(self, topic: list[Example], right: list[Example]) -> None:
        told = [e for e in topic if e.kind != "unanswerable"]
        asked = [e for e in right if e.kind != "off-topic"]
        models = (
            fit(topics(told), [e.kind != "off-topic" for e in told]),
            fit(rights(asked), [e.right for e in asked]),
        )
        self.weights = [np.array([*m.intercept_, *m.coef_[0]]) for m in models]

    def confidence(self, examples: list[Example]) -> Floats:
        topic, right = self.weights
        product: Floats = logistic(topics(examples), topic) * logistic(rights(examples), right)
        return product

    def show(self) -> None:
        for weights in self.weights:
            print(f"({', '.join(f'{weight:.3f}' for weight in weights)})")


class Together(Apart):
    """Both, by the likelihood of their product: whatever else makes a quote wrong, too."""

    def __init__(self, examples: list[Example]) -> None:
        # Of like spread, so that the penalty weighs on all alike.
        first, second = Scaled(topics(examples)), Scaled(rights(examples))
        right = np.array([e.right for e in examples])
        counts = np.array([weight(e) for e in examples])
        width = first.values.shape[1] + 1

        def loss(both: Floats) -> tuple[float, Floats]:
            topic, own = both[:width], both[width:]
            a, b = logistic(first.values, topic), logistic(second.values, own)
            sure = np.clip(a * b, 1e-9, 1 - 1e-9)
            off = counts * (sure - right) / (1 - sure)
            slopes = np.r_[0, both[1:width], 0, both[width + 1 :]]
            scale = PENALTY * len(examples)
            likelihood = counts * np.where(right, np.log(sure), np.log(1 - sure))
            down = np.r_[biased(first.values).T @ (off * (1 - a)),
                         biased(second.values).T @ (off * (1 - b))]  # fmt: skip
            return scale * slopes @ slopes - likelihood.sum(), down + 2 * scale * slopes

        begin = np.full(width + 1 + second.values.shape[1], 0.5)
        found = minimize(loss, begin, jac=True, method="L-BFGS-B").x
        self.weights = [first.unscaled(found[:width]), second.unscaled(found[width:])]


class Scaled:
    """Values of mean 0 and spread 1, and the weights for what they were before."""

    def __init__(self, values: Floats) -> None:
        self.mean, self.spread = values.mean(axis=0), values.std(axis=0)
        self.values = (values - self.mean) / self.spread

    def unscaled(self, weights: Floats) -> Floats:
        slopes = weights[1:] / self.spread
        return np.r_[weights[0] - slopes @ self.mean, slopes]


def weight(example: Example) -> float:
    off_topic = OFF_TOPIC_COUNTS if example.kind == "off-topic" else 1.0
    return off_topic * (WRITTEN if example.written else 1.0)


def biased(values: Floats) -> Floats:
    return np.c_[np.ones(len(values)), values]


def logistic(values: Floats, weights: Floats) -> Floats:
    result: Floats = 1 / (1 + np.exp(-(biased(values) @ weights)))
    return result


def topics(examples: list[Example]) -> Floats:
    return np.array([matter(example.signals) for example in examples])


def rights(examples: list[Example]) -> Floats:
    return np.array([own(example.signals) for example in examples])


def fit(values: Floats, labels: list[bool]) -> LogisticRegression:
    return LogisticRegression(C=1000, max_iter=10_000).fit(values, labels)


def report(examples: list[Example], fitted: Callable[[list[Example]], Apart]) -> None:
    print("fitted on all:")
    fitted(examples).show()
    folds = [[e for e in examples if e.article % 2 == parity] for parity in (0, 1)]
    sure = np.concatenate([fitted(folds[1 - i]).confidence(folds[i]) for i in (0, 1)])
    judged = [*folds[0], *folds[1]]
    for name, written in (("SQuAD's", False), ("written", True)):
        chosen = [i for i, e in enumerate(judged) if e.written == written]
        if chosen:
            print(f"{name} articles, in two folds, each judged by the other's weights:")
            tell([judged[i] for i in chosen], sure[chosen])


def tell(judged: list[Example], sure: Floats) -> None:
    kinds = np.array([e.kind for e in judged])
    right = np.array([e.right for e in judged])
    answerable = sure[kinds == "answerable"]
    print(f"quote holds the answer: {np.mean(right[kinds == 'answerable']):.3f}")
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


def error(sure: Floats, right: npt.NDArray[np.bool_], bins: int = 15) -> float:
    parts = np.array_split(np.argsort(sure), bins)
    return sum(len(p) * abs(sure[p].mean() - right[p].mean()) for p in parts) / len(sure)


if __name__ == "__main__":
    main()
