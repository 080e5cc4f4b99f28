"""Nearest neighbours by inner product, in FAISS: exact for few vectors, by clusters for many.

Flat search costs 3 to 13 ms over 50,000 vectors of 384 dimensions on one core; up to there
nothing approximate is worth its error. Beyond, an inverted file finds them (Jégou et al.
2011, "Product Quantization for Nearest Neighbor Search", section 4), with the rest of each
vector beside its cluster's centre in eight bits a dimension: a quarter of the memory.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, Protocol

import faiss
import numpy as np
import numpy.typing as npt

from index.errors import GenerationError

Vectors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

FLAT_UP_TO = 50_000
EXACT_UP_TO = 20_000
"""Rows to choose among from which even a large index scores each one."""
_PROBED = 64
"""Of all clusters, one in so many is searched ..."""
_FEWEST_PROBED = 64
"""... but no fewer than these."""
_TRAINED_ON = 40
"""Vectors a cluster is found from; FAISS warns of fewer than 39."""
_AT_ONCE = 16_384
"""Rows converted at a time."""


class VectorIndex(Protocol):
    """Vectors by row; the score of a row is its inner product with the query."""

    def __len__(self) -> int: ...

    @property
    def dimension(self) -> int: ...

    @property
    def bytes_in_memory(self) -> int:
        """About what it takes of this process, where there may be many of its kind."""

    @property
    def is_exact(self) -> bool:
        """Whether ``vectors`` are the very ones that were indexed."""

    def search(self, query: Vectors, limit: int, among: Rows | None = None) -> tuple[Rows, Vectors]:
        """The best rows for one query of shape (dimension,) and their scores, best first.

        ``among`` are the rows that count; None: all.
        """

    def scores(self, query: Vectors, rows: Rows) -> Vectors:
        """The scores of given rows, shape (len(rows),)."""

    def vectors(self, rows: Rows) -> Vectors:
        """The vectors of given rows, shape (len(rows), dimension)."""


def build(
    vectors: Vectors, *, flat_up_to: int = FLAT_UP_TO, like: VectorIndex | None = None
) -> FlatIndex | LargeIndex:
    """Index ``vectors``, shape (n, dimension), which may be mapped from a file.

    With more than ``flat_up_to`` rows search is by clusters: those of ``like``, an index of
    about as many rows, or new ones.
    """
    if len(vectors) <= flat_up_to:
        return FlatIndex.build(vectors)
    return LargeIndex(_clustered(vectors, like.clusters if isinstance(like, LargeIndex) else None))


def load(path: Path) -> VectorIndex:
    """Read what ``save`` wrote; GenerationError when it is something else."""
    try:
        index = _read(path)
    except (OSError, RuntimeError, ValueError) as error:
        raise GenerationError(f"the vectors in {path} cannot be read: {error}") from error
    if isinstance(index, faiss.IndexFlatIP):
        return FlatIndex(index)
    if isinstance(index, faiss.IndexIVFScalarQuantizer) and not index.direct_map.no():
        return LargeIndex(index)
    raise GenerationError(f"{path} holds another kind of index: {type(index).__name__}")


def _read(path: Path) -> faiss.Index:
    """Three times as fast by name; which faiss takes in UTF-8, and on Windows in ASCII."""
    if os.name != "nt" and str(path).isprintable():
        return faiss.read_index(str(path))
    return faiss.deserialize_index(np.memmap(path, dtype=np.uint8, mode="r"))


class FlatIndex:
    """Exact search, all in memory."""

    is_exact = True

    def __init__(self, index: faiss.IndexFlatIP) -> None:
        self._index = index

    @classmethod
    def build(cls, vectors: Vectors) -> FlatIndex:
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors, dtype=np.float32))
        return cls(index)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dimension(self) -> int:
        return int(self._index.d)

    @property
    def bytes_in_memory(self) -> int:
        return 4 * len(self) * self.dimension

    def search(self, query: Vectors, limit: int, among: Rows | None = None) -> tuple[Rows, Vectors]:
        limit = min(limit, len(self) if among is None else len(among))
        if not limit:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        chosen = faiss.SearchParameters(sel=_selector(len(self), among))  # type: ignore[call-arg]
        _alone()
        scores, rows = self._index.search(
            query[np.newaxis].astype(np.float32), limit, params=chosen
        )
        return rows[0], scores[0]

    def scores(self, query: Vectors, rows: Rows) -> Vectors:
        return _products(query, self.vectors(rows)) if len(rows) else np.empty(0, np.float32)

    def vectors(self, rows: Rows) -> Vectors:
        found: Vectors = self._index.reconstruct_batch(rows)
        return found

    def save(self, path: Path) -> None:
        path.write_bytes(faiss.serialize_index(self._index).tobytes())


class LargeIndex:
    """Search by clusters. Scores are 0.01 from the exact ones at most, mostly a tenth of that."""

    is_exact = False
    bytes_in_memory = 0
    """Large ones are few."""

    def __init__(self, clusters: faiss.IndexIVFScalarQuantizer) -> None:
        self.clusters = clusters

    def __len__(self) -> int:
        return int(self.clusters.ntotal)

    @property
    def dimension(self) -> int:
        return int(self.clusters.d)

    def search(self, query: Vectors, limit: int, among: Rows | None = None) -> tuple[Rows, Vectors]:
        count = len(self) if among is None else len(among)
        limit = min(limit, count)
        if among is None or count > EXACT_UP_TO:
            parameters = faiss.SearchParametersIVF(  # type: ignore[call-arg]
                sel=_selector(len(self), among), nprobe=_probed(self.clusters)
            )
            _alone()
            scores, rows = self.clusters.search(
                query[np.newaxis].astype(np.float32), limit, params=parameters
            )
            if rows.min(initial=0) >= 0:
                return rows[0], scores[0]
            # The clusters that were searched hold too few that count: then all are looked at.
        rows = np.arange(len(self)) if among is None else among
        found = self.scores(query, rows)
        best = np.argsort(-found, kind="stable")[:limit]
        return rows[best], found[best]

    def scores(self, query: Vectors, rows: Rows) -> Vectors:
        found = np.empty(len(rows), np.float32)
        for begin in range(0, len(rows), _AT_ONCE):
            some = slice(begin, begin + _AT_ONCE)
            found[some] = _products(query, self.vectors(rows[some]))
        return found

    def vectors(self, rows: Rows) -> Vectors:
        _alone()
        found: Vectors = self.clusters.reconstruct_batch(rows)
        return found

    def save(self, path: Path) -> None:
        try:
            faiss.write_index(self.clusters, str(path))
        except RuntimeError as error:  # as FAISS tells that the disk is full
            raise OSError(str(error)) from error


def _clustered(
    vectors: Vectors, old: faiss.IndexIVFScalarQuantizer | None
) -> faiss.IndexIVFScalarQuantizer:
    size, dimension = vectors.shape
    clusters = 4 * math.isqrt(size)
    if old is not None and not clusters / 2 <= old.nlist <= clusters * 2:
        old = None
    index: Any = faiss.IndexIVFScalarQuantizer(
        faiss.clone_index(old.quantizer) if old else faiss.IndexFlatIP(dimension),
        dimension,
        old.nlist if old else clusters,
        faiss.ScalarQuantizer.QT_8bit,
        faiss.METRIC_INNER_PRODUCT,
    )
    if old:  # finding clusters takes seconds, and one more article changes none
        index.sq, index.is_trained = old.sq, True
    else:
        faiss.omp_set_num_threads(os.cpu_count() or 1)
        drawn = np.random.default_rng(0).choice(size, min(size, _TRAINED_ON * clusters), False)
        index.train(np.asarray(vectors[np.sort(drawn)], dtype=np.float32))
    # So that rows can be looked up.
    index.set_direct_map_type(faiss.DirectMap.Array)  # type: ignore[attr-defined]
    for begin in range(0, size, _AT_ONCE):
        index.add(np.asarray(vectors[begin : begin + _AT_ONCE], dtype=np.float32))
    assert isinstance(index, faiss.IndexIVFScalarQuantizer)
    return index


def _probed(clusters: faiss.IndexIVFScalarQuantizer) -> int:
    return max(_FEWEST_PROBED, int(clusters.nlist) // _PROBED)


def _selector(size: int, among: Rows | None) -> faiss.IDSelector | None:
    if among is None or len(among) == size:
        return None
    keep = np.zeros(size, dtype=bool)
    keep[among] = True
    bits = np.packbits(keep, bitorder="little")
    return faiss.IDSelectorBitmap(bits)  # type: ignore[arg-type,call-arg]


def _alone() -> None:
    """Search on this thread alone; FAISS's threads for one query wait longer than they help."""
    faiss.omp_set_num_threads(1)  # of the thread that calls it


def _products(query: Vectors, vectors: Vectors) -> Vectors:
    # Not by BLAS: waiting for its second thread on a busy machine takes a hundred times as long.
    products: Vectors = np.einsum("ij,j->i", vectors, query.astype(np.float32))
    return products
