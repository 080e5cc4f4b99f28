"""The span reader: a small network marks the very words that answer.

Passages are read one after the other, the likeliest first, until none that is left could
hold a better answer. It was trained so that scores of different passages can be compared
(Clark and Gardner 2018, shared normalisation);
how it was trained, on what, and how good it is, stands in ``index/data/READER.md``.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from tokenizers import Encoding, Tokenizer

from index.bert import MANY, Bert, Floats, Rows, Upper, fast_bfloat16
from index.errors import ModelError
from index.reader import Candidate, ReadingPassage, Span
from index.weights import (
    Weights,
    embeddings,
    neither_pads_nor_cuts,
    packaged_tokenizer,
    packaged_weights,
)

MAX_TOKENS = 256
QUESTION_TOKENS = 64
LONGEST_ANSWER = 30
"""In tokens, as is usual for SQuAD."""
CLOSE = 0.2
"""Two spans whose scores differ by less might change places in half precision: with 0.15 none
of 1,000 development questions got another span than in full precision (with the score of then,
which took all of "not here" away, and so had more of its noise). What the verifier says of two that
contend is not read again: there half precision may choose another."""
NULL_WEIGHT = 0.58
"""Of the score of "not here", when sentences of different passages are compared: the margin takes
all of it away, of which this much is given back. Fitted with ``index.prior``, for the weights of
then."""
VERIFIED_FROM = 3
"""The verifier shares the reader's layers below this one."""
CONTENDS = 1.5
"""A sentence whose score is behind the best by less may still be chosen, for what the verifier
says of it; so may ``MOST_CONTENDERS`` at most."""
VERIFIED_WEIGHT = 0.8
"""Of the verifier's margin beside the score, among those. On the development questions, on which
both were chosen, the quote then holds the answer for 0.7 (SQuAD's) and 0.8 (written) in a hundred
more, with 10 and 18 in a hundred more looks; reaches of 1 to 6 and weights of 0.15 to 0.8 gained 0
to 1.0 (weights of then)."""
MOST_CONTENDERS = 3
FAR_AHEAD = 12.0
"""What no unread passage makes up for by what it reads: with 12 all but one of 1,298 development
questions are answered as when all is read, for two thirds of the reading. Another network's scores
may lie further apart."""

_UNWEIGHED = (0.0, 0.0)
LEANS = re.compile(
    r"\W*(?:it|he|she|they|this|that|these|those|his|her|their|its)\b", re.IGNORECASE
)
_ASKS = re.compile(
    r"[\W_]*(?:who|whom|whose|what|when|where|which|why|how|am|is|are|was|were|do|does|did|has|have"
    r"|had|can|could|may|must|shall|should|will|would)\b[^.!:]*\?[!?\s*_]*",
    re.IGNORECASE,
)

Network = Callable[[Rows], Floats]
"""Rows -> shape (rows, tokens, 2): scores of an answer that begins, and that ends, there."""


class Model(NamedTuple):
    """A network and its tokenizer, which neither pads nor cuts, and the number by which to pad.

    ``exact`` makes the same network in full precision, where ``network`` is not. ``verifier``
    was trained on single sentences; None: the network looks at them itself.
    """

    network: Network
    tokenizer: Tokenizer
    padding: int = 0
    exact: Callable[[], Network] | None = None
    verifier: Network | None = None


class _Marked(NamedTuple):
    """The best span of a sentence, and the score of its second best."""

    span: Span
    sentence: Candidate
    second: float


class SpanReader:
    """Loads network and tokenizer with ``load`` when first needed. Thread-safe.

    ``prior_weight`` is what a sentence's prior counts beside what the network says, and
    ``null_weight`` its "not here" where passages are compared: 0 for a network whose scores
    mean nothing beyond their passage. ``far_ahead`` is the most that a passage may make up for by
    what the network says of it: what is further behind is not read.
    """

    def __init__(
        self,
        load: Callable[[], Model],
        *,
        prior_weight: float = 1.0,
        null_weight: float = NULL_WEIGHT,
        far_ahead: float = FAR_AHEAD,
    ) -> None:
        self._load = load
        self._prior_weight = prior_weight
        self._null_weight = null_weight
        self._far_ahead = far_ahead
        self._lock = threading.Lock()
        self._loaded: Model | None = None

    @classmethod
    def packaged(
        cls,
        weights: Path | None = None,
        *,
        threads: int = 1,
        half: bool | None = None,
        **options: Any,
    ) -> Self:
        """The reader that comes with the program; with ``weights``, one trained like it, which
        has no verifier.

        ``half`` computes in bfloat16; None does where the processor is made for it.
        """
        return cls(partial(_packaged, weights, threads, half), **options)

    @classmethod
    def named(cls, name: str, *, threads: int = 1) -> Self:
        """Any extractive model that transformers loads by name or folder."""
        return cls(partial(_named, name, threads), null_weight=0.0, far_ahead=math.inf)

    def read(self, question: str, passages: Sequence[ReadingPassage]) -> Span:
        model = self._model()
        words = model.tokenizer.encode(question, add_special_tokens=False).offsets[:QUESTION_TOKENS]
        asked = question[: words[-1][1]] if words else ""
        encodings = model.tokenizer.encode_batch([(asked, passage.text) for passage in passages])

        def marked(network: Network, number: int) -> list[_Marked]:
            # One at a time: together they would take as long, and be padded.
            rows = Rows.of([encodings[number]], model.padding, MAX_TOKENS)
            scores = network(rows)[0]
            weights = self._prior_weight, self._null_weight
            return list(_marked(number, passages[number], encodings[number], scores, weights))

        found: list[_Marked] = []
        # The likeliest first, so that most of the others need not be read.
        hopes = [self._prior_weight * _best_prior(passage) for passage in passages]
        for number in sorted(range(len(passages)), key=lambda number: -hopes[number]):
            if found and max(one.span.score for one in found) > hopes[number] + self._far_ahead:
                break
            found += marked(model.network, number)
        if not found:  # every sentence lies beyond what the network reads
            return _whole(passages)
        if model.exact and (close := _close(found)):
            # What half precision cannot tell apart is read again, so that every machine agrees.
            again = sorted({one.span.passage for one in close})
            found = [one for one in found if one.span.passage not in again]
            for number in again:
                found += marked(model.exact(), number)
        found.sort(key=lambda one: -one.span.score)
        chosen, verified = _chosen(model, asked, passages, found)
        others = [one for one in found if one is not chosen]
        second = others[0].span.score if others else chosen.span.score
        return replace(
            chosen.span,
            lead=max(0.0, chosen.span.score - second),
            next_lead=_lead_over(_beside(chosen, found, passages, 1), chosen),
            previous_lead=_lead_over(_beside(chosen, found, passages, -1), chosen),
            verified=verified,
        )

    def _model(self) -> Model:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
        return self._loaded


class _Trained(NamedTuple):
    """What was trained, by the names of ``index.bert``; ``file`` is where it is mapped from."""

    file: Weights
    layers: dict[str, npt.NDArray[Any]]
    head: tuple[Floats, Floats]

    @classmethod
    def read(cls, path: Path) -> Self:
        file = Weights.widened(path)
        layers = {name.removeprefix("encoder."): array for name, array in file.items()}
        return cls(file, layers, (layers["head.weight"], layers["head.bias"]))


def _packaged(path: Path | None, threads: int, half: bool | None) -> Model:
    words = packaged_weights()
    data = Path(str(resources.files("index") / "data"))
    try:
        # Both are read before anything is built, so that what reading took is given back.
        reader = _Trained.read(path or data / "reader.safetensors")
        # Other weights have no verifier, which stands on these.
        own = _Trained.read(data / "verifier.safetensors") if path is None else None
        half = fast_bfloat16() if half is None else half
        weights = {**reader.layers, **embeddings(words)}
        lower = Bert(weights, layers=VERIFIED_FROM, threads=threads, half=half, shortest=MANY)
        network, verifier = _above(lower, reader, threads, half), None
        exact = partial(Bert, weights, head=reader.head, threads=threads, shortest=MANY)
        if own is not None:
            verifier = _above(lower, own, threads, half)
            own.file.release()
        reader.file.release()
        words.release()
    except Exception as error:
        raise ModelError(
            f"the reader cannot be loaded from {path or data} ({error});"
            " install article-bot again, or set READER to none"
        ) from error
    return Model(
        network, packaged_tokenizer(), exact=_once(exact) if half else None, verifier=verifier
    )


def _above(lower: Bert, trained: _Trained, threads: int, half: bool) -> Network:
    """The layers that reader and verifier share, which are kept but once, and its own above."""
    upper = Upper(trained.layers, VERIFIED_FROM, trained.head, threads=threads, half=half)
    return lambda rows: upper(lower(rows), rows.mask)


def _once(make: Callable[[], Network]) -> Callable[[], Network]:
    """Makes it when it is first asked for, once for all threads."""
    lock, made = threading.Lock(), cache(make)

    def get() -> Network:
        with lock:
            return made()

    return get


def _named(name: str, threads: int) -> Model:
    try:
        # Seconds of imports: only whoever names another model pays them.
        from index.reader.model import load_named  # noqa: PLC0415

        network, tokenizer, padding = load_named(name, threads)
        return Model(network, neither_pads_nor_cuts(tokenizer), padding)
    except Exception as error:
        raise ModelError(
            f"READER names {name!r}, which cannot be loaded as an extractive"
            f" question-answering model ({error}); give a name or folder of one,"
            " packaged, or none"
        ) from error


def _marked(
    number: int,
    passage: ReadingPassage,
    encoding: Encoding,
    scores: Floats,
    weights: tuple[float, float],
) -> Iterator[_Marked]:
    """The best span within each sentence of a passage that the network read so far.

    ``weights``: of the sentence's prior, and of "not here".
    """
    inside = np.array([part == 1 for part in encoding.sequence_ids[: len(scores)]])
    inside[-1] = False  # a special token, whatever stood there before the passage was cut
    starts, ends = scores[inside].T
    offsets = np.array(encoding.offsets[: len(scores)])[inside]
    # A space alone is a token to some models, and a mark of no width.
    wide = offsets[:, 0] < offsets[:, 1]
    null = float(scores[0].sum())
    seen = [
        (sentence, tokens)
        for sentence in passage.sentences
        if len(
            tokens := np.flatnonzero(
                wide & (offsets[:, 0] >= sentence.start) & (offsets[:, 1] <= sentence.end)
            )
        )
    ]
    # A question, as those that head the parts of many a guide, is no answer.
    stated = [one for one in seen if not _ASKS.fullmatch(passage.text, one[0].start, one[0].end)]
    for sentence, tokens in stated or seen:
        sums = starts[tokens][:, None] + ends[tokens][None, :]
        # An answer does not end before it begins, nor does it run on and on.
        allowed = np.triu(np.ones_like(sums)) - np.triu(np.ones_like(sums), LONGEST_ANSWER)
        sums = np.where(allowed > 0, sums, -np.inf)
        first, last = divmod(int(sums.argmax()), len(tokens))
        margin = float(sums[first, last]) - null
        beside = weights[0] * sentence.prior + weights[1] * null
        sums[first, last] = -np.inf
        start, end = _whole_words(
            passage.text, int(offsets[tokens[first], 0]), int(offsets[tokens[last], 1]), sentence
        )
        score = margin + beside
        span = Span(number, start, end, score, lead=0.0, margin=margin)
        yield _Marked(span, sentence, float(sums.max()) - null + beside)


def _chosen(
    model: Model, question: str, passages: Sequence[ReadingPassage], found: Sequence[_Marked]
) -> tuple[_Marked, float]:
    """The best, and what the verifier says of it; where others come close, it decides with."""
    contend = found[:1]
    if model.verifier is not None:
        limit = found[0].span.score - CONTENDS
        contend = [one for one in found[:MOST_CONTENDERS] if one.span.score > limit]
    looked = [(one, _verified(model, question, passages[one.span.passage], one)) for one in contend]
    return max(looked, key=lambda pair: pair[0].span.score + VERIFIED_WEIGHT * pair[1])


def _verified(model: Model, question: str, passage: ReadingPassage, one: _Marked) -> float:
    """The margin of a sentence without what stands around it, which makes it look like
    an answer that it is not. One that leans on the sentence before it ("It said that ...") is
    read with that one, as it does not say of what it speaks: from the candidate before it on. In
    half precision where the network is. One of which nothing fits into what the network reads keeps
    the margin that it has.
    """
    own = one.sentence
    start = own.start
    if LEANS.match(passage.text, own.start):
        start = max((s.start for s in passage.sentences if s.start < own.start), default=start)
    text = passage.text[start : own.end]
    encoding = model.tokenizer.encode(question, text)
    scores = (model.verifier or model.network)(Rows.of([encoding], model.padding, MAX_TOKENS))[0]
    whole = ReadingPassage(text, (Candidate(own.start - start, len(text), 0.0),))
    return next(_marked(0, whole, encoding, scores, _UNWEIGHED), one).span.margin or 0.0


def _beside(
    chosen: _Marked, found: Sequence[_Marked], passages: Sequence[ReadingPassage], step: int
) -> _Marked | None:
    """The sentence so many behind the chosen one in its passage, if it was read."""
    passage = passages[chosen.span.passage]
    order = sorted(passage.sentences, key=lambda one: one.start)
    at = order.index(chosen.sentence) + step
    if not 0 <= at < len(order):
        return None
    read = (one for one in found if one.span.passage == chosen.span.passage)
    return next((one for one in read if one.sentence is order[at]), None)


def _lead_over(other: _Marked | None, chosen: _Marked) -> float | None:
    return None if other is None else chosen.span.score - other.span.score


def _close(found: Sequence[_Marked]) -> list[_Marked]:
    """All that could be the best if half precision were wrong; none, if nothing else could."""
    best = max(one.span.score for one in found)
    close = [one for one in found if one.span.score > best - CLOSE]
    return close if len(close) > 1 or close[0].second > best - CLOSE else []


def _whole_words(text: str, start: int, end: int, sentence: Candidate) -> tuple[int, int]:
    while start > sentence.start and text[start - 1].isalnum() and text[start].isalnum():
        start -= 1
    while end < sentence.end and text[end - 1].isalnum() and text[end].isalnum():
        end += 1
    return start, end


def _best_prior(passage: ReadingPassage) -> float:
    return max((sentence.prior for sentence in passage.sentences), default=0.0)


def _whole(passages: Sequence[ReadingPassage]) -> Span:
    number, sentence = max(
        ((n, s) for n, passage in enumerate(passages) for s in passage.sentences),
        key=lambda pair: pair[1].prior,
    )
    return Span(
        number, sentence.start, sentence.end, sentence.prior, lead=0.0, margin=0.0, verified=0.0
    )
