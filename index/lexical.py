"""BM25 over stemmed words, stop words out.

The scores are those of Lucene's BM25 (Robertson et al. 1995; Kamphuis et al. 2020,
"Which BM25 do you mean?"), worked out when the index is built, as bm25s does (Lù 2024,
"BM25S: Orders of magnitude faster lexical search via eager sparse scoring"). The files are
those of bm25s too, which itself would double the time that the program takes to start.
"""

from __future__ import annotations

import json
import re
import threading
import unicodedata
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
import Stemmer

from index.arrays import read_array
from index.errors import GenerationError

Scores = npt.NDArray[np.float32]

_SCORES, _ROWS, _STARTS = "data.csc.index.npy", "indices.csc.index.npy", "indptr.csc.index.npy"
_WORDS, _SIZE = "vocab.index.json", "params.index.json"

# As in Anserini; 1.2 and 0.75 did a little worse on sentences and windows.
_K1, _B = 0.9, 0.4

_WORD = re.compile(r"[^\W_]+(?:[.,][0-9]+)*")
_STOP_WORDS = frozenset(
    """a about after all also am an and any are as at be been before being but by can could did do
    does doing for from had has have having he her hers him his how i if in into is it its itself
    just me more most my no nor not of off on once only or other our out over own s same she should
    so some such t than that the their theirs them then there these they this those through to too
    under until up very was we were what when where which while who whom whose why will with would
    you your yours tell say said says does please""".split()  # noqa: SIM905
)
_local = threading.local()


def tokens(text: str) -> list[str]:
    """The stemmed content words of ``text``, in order; accents and case do not count."""
    plain = text.casefold()
    if not plain.isascii():
        folded = unicodedata.normalize("NFKD", plain.replace("\u2019", "'"))
        plain = "".join(c for c in folded if not unicodedata.combining(c))
    words = [w.replace(",", "") for w in _WORD.findall(plain) if w not in _STOP_WORDS]
    return stemmed(words)


def stemmed(words: Sequence[str]) -> list[str]:
    """The stems of words in lower case."""
    stems: list[str] = _stemmer().stemWords(words)
    return stems


def _stemmer() -> Stemmer.Stemmer:
    # A Stemmer must not be used by two threads at once.
    if not hasattr(_local, "stemmer"):
        _local.stemmer = Stemmer.Stemmer("english")
    stemmer: Stemmer.Stemmer = _local.stemmer
    return stemmer


class WordIndex(Protocol):
    """BM25 over a fixed list of texts."""

    def __len__(self) -> int: ...

    def scores(self, query: Sequence[str]) -> Scores:
        """BM25 of every text, shape (len(self),), 0 where no word matches."""

    def idf(self, words: Sequence[str]) -> Scores:
        """How telling each word is: ln(1 + (N - n + 0.5) / (n + 0.5)), n of N texts hold it."""


def idf(size: int, holding: npt.ArrayLike) -> Scores:
    """As Lucene has it, of words that stand in ``holding`` of ``size`` texts."""
    n = np.asarray(holding, dtype=np.float64)
    return np.log1p((size - n + 0.5) / (n + 0.5)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Postings:
    """Word w stands in texts ``rows[starts[w]:starts[w + 1]]``, which it gives ``scores``."""

    words: Mapping[str, int]
    starts: npt.NDArray[np.int32]
    rows: npt.NDArray[np.int32]
    scores: Scores

    def of(self, word: str) -> slice:
        column = self.words.get(word)
        return slice(0) if column is None else slice(self.starts[column], self.starts[column + 1])


class LexicalIndex:
    """BM25 over a fixed list of texts; text i has score ``scores(query)[i]``."""

    def __init__(self, postings: _Postings, size: int) -> None:
        self._postings = postings
        self._size = size

    @classmethod
    def build(cls, texts: Iterable[Sequence[str]]) -> Self:
        """Index texts given as their ``tokens``."""
        words: dict[str, int] = {}
        of_word, of_length = array("i"), array("i")
        for text in texts:
            of_word.extend(words.setdefault(word, len(words)) for word in text)
            of_length.append(len(text))
        size = len(of_length)
        lengths = np.array(of_length, dtype=np.int64)
        pairs = np.array(of_word, dtype=np.int64) * size + np.repeat(np.arange(size), lengths)
        pairs, counts = np.unique(pairs, return_counts=True)
        columns, rows = np.divmod(pairs, max(size, 1))
        holding = np.bincount(columns, minlength=len(words))
        telling = np.log1p((size - holding + 0.5) / (holding + 0.5))
        mean = lengths.mean() if size else 1.0
        norm = _K1 * (1 - _B + _B * lengths[rows] / mean)
        postings = _Postings(
            words,
            np.concatenate([[0], np.cumsum(holding)]).astype(np.int32),
            rows.astype(np.int32),
            (telling[columns] * counts / (counts + norm)).astype(np.float32),
        )
        return cls(postings, size)

    def __len__(self) -> int:
        return self._size

    def scores(self, query: Sequence[str]) -> Scores:
        scores = np.zeros(self._size, dtype=np.float32)
        for word in query:
            of_word = self._postings.of(word)
            scores[self._postings.rows[of_word]] += self._postings.scores[of_word]
        return scores

    def idf(self, words: Sequence[str]) -> Scores:
        found = [self._postings.of(word) for word in words]
        return idf(self._size, [one.stop - (one.start or 0) for one in found])

    def postings(self) -> Iterator[tuple[str, npt.NDArray[np.int32], Scores]]:
        """Each word with the texts that hold it, and what it adds to their scores."""
        for word in self._postings.words:
            of_word = self._postings.of(word)
            yield word, self._postings.rows[of_word], self._postings.scores[of_word]

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        np.save(folder / _STARTS, self._postings.starts)
        np.save(folder / _ROWS, self._postings.rows)
        np.save(folder / _SCORES, self._postings.scores)
        (folder / _WORDS).write_text(json.dumps(self._postings.words), "utf-8")
        (folder / _SIZE).write_text(json.dumps({"num_docs": self._size}), "utf-8")

    @classmethod
    def load(cls, folder: Path, size: int) -> Self:
        """Map what ``save`` wrote; GenerationError when it is not the index of ``size`` texts."""
        try:
            if not any(folder.iterdir()):  # as was written for texts without a word
                return cls.build([()] * size)
            starts, rows, scores = (read_array(folder / name) for name in (_STARTS, _ROWS, _SCORES))
            words = json.loads((folder / _WORDS).read_bytes())
            found = int(json.loads((folder / _SIZE).read_bytes())["num_docs"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise GenerationError(
                f"the lexical index in {folder} cannot be read: {error}"
            ) from error
        if found != size:
            raise GenerationError(f"the lexical index in {folder} has {found} texts, not {size}")
        return cls(_Postings(words, starts, rows, scores), size)
