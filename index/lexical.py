"""BM25 over stemmed words, stop words out.

The scores are those of Lucene's BM25 (Robertson et al. 1995; Kamphuis et al. 2020,
"Which BM25 do you mean?"), computed by bm25s (Lù 2024).
"""

from __future__ import annotations

import logging
import re
import threading
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import bm25s
import numpy as np
import numpy.typing as npt
import Stemmer

from index.errors import GenerationError

Scores = npt.NDArray[np.float32]

# bm25s writes debugging lines to a handler of its own.
logging.getLogger("bm25s").setLevel(logging.WARNING)

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
    stems: list[str] = _stemmer().stemWords(words)
    return stems


def _stemmer() -> Stemmer.Stemmer:
    # A Stemmer must not be used by two threads at once.
    if not hasattr(_local, "stemmer"):
        _local.stemmer = Stemmer.Stemmer("english")
    stemmer: Stemmer.Stemmer = _local.stemmer
    return stemmer


class _BM25(bm25s.BM25):  # type: ignore[misc] # it ships no types
    """bm25s, which counts text by text; this counts all at once, to the same scores."""

    def build_index_from_tokens(
        self, corpus_tokens: Sequence[Sequence[str]], **_: object
    ) -> tuple[dict[str, Any], dict[str, int]]:
        """As bm25s: the matrix of scores by columns, one a word, and the words' columns."""
        self.nonoccurrence_array = None  # only other methods have one
        size = len(corpus_tokens)
        columns: dict[str, int] = {}
        of_word = np.fromiter(
            (columns.setdefault(word, len(columns)) for text in corpus_tokens for word in text),
            dtype=np.int64,
        )
        lengths = np.fromiter(map(len, corpus_tokens), dtype=np.int64, count=size)
        pairs = of_word * size + np.repeat(np.arange(size), lengths)
        pairs, counts = np.unique(pairs, return_counts=True)
        words, rows = np.divmod(pairs, size)
        holding = np.bincount(words, minlength=len(columns))
        idf = np.log1p((size - holding + 0.5) / (holding + 0.5))
        norm = self.k1 * (1 - self.b + self.b * lengths[rows] / lengths.mean())
        scores = {
            "data": (idf[words] * counts / (counts + norm)).astype(self.dtype),
            "indices": rows.astype(self.int_dtype),
            "indptr": np.concatenate([[0], np.cumsum(holding)]).astype(self.int_dtype),
            "num_docs": size,
        }
        return scores, columns


class LexicalIndex:
    """BM25 over a fixed list of texts; text i has score ``scores(query)[i]``."""

    def __init__(self, bm25: bm25s.BM25 | None, size: int) -> None:
        self._bm25 = bm25
        self._size = size

    @classmethod
    def build(cls, texts: Sequence[Sequence[str]]) -> Self:
        """Index texts given as their ``tokens``."""
        if not any(texts):
            return cls(None, len(texts))
        bm25 = _BM25(k1=_K1, b=_B, method="lucene")
        bm25.index(texts, show_progress=False)
        return cls(bm25, len(texts))

    def __len__(self) -> int:
        return self._size

    def scores(self, query: Sequence[str]) -> Scores:
        """BM25 of every text, shape (len(self),), 0 where no word matches."""
        known = [w for w in query if self._knows(w)]
        if self._bm25 is None or not known:
            return np.zeros(self._size, dtype=np.float32)
        return np.asarray(self._bm25.get_scores(known), dtype=np.float32)

    def idf(self, words: Sequence[str]) -> npt.NDArray[np.float32]:
        """How telling each word is: ln(1 + (N - n + 0.5) / (n + 0.5)), n texts hold it."""
        n = np.array([self._document_frequency(w) for w in words], dtype=np.float32)
        return np.log1p((self._size - n + 0.5) / (n + 0.5)).astype(np.float32)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        if self._bm25 is not None:
            self._bm25.save(folder, show_progress=False)

    @classmethod
    def load(cls, folder: Path, size: int) -> Self:
        """Read what ``save`` wrote; GenerationError when it is not the index of ``size`` texts."""
        try:
            if not any(folder.iterdir()):
                return cls(None, size)
            bm25 = bm25s.BM25.load(folder, show_progress=False)
            found = int(bm25.scores["num_docs"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise GenerationError(
                f"the lexical index in {folder} cannot be read: {error}"
            ) from error
        if found != size:
            raise GenerationError(f"the lexical index in {folder} has {found} texts, not {size}")
        return cls(bm25, size)

    def _knows(self, word: str) -> bool:
        return self._bm25 is not None and word in self._bm25.vocab_dict

    def _document_frequency(self, word: str) -> int:
        if self._bm25 is None or word not in self._bm25.vocab_dict:
            return 0
        row = self._bm25.vocab_dict[word]
        starts = self._bm25.scores["indptr"]
        return int(starts[row + 1] - starts[row])
