"""Nearest neighbours by inner product, in FAISS: exact for few vectors, by clusters for many.

Flat search costs 13 ms over 50,000 vectors of 384 dimensions on one core; up to there
nothing approximate is worth its error. Beyond, an inverted file with vectors of eight
bits a dimension (Jégou et al. 2011, "Product Quantization for Nearest Neighbor Search",
section 4; scalar quantisation here) proposes, and the vectors themselves, in half
precision and mapped from disk, score.
"""

from __future__ import annotations

import math
import mmap
import os
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import faiss
import numpy as np
import numpy.typing as npt

from index.errors import GenerationError

Vectors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Halves: TypeAlias = npt.NDArray[np.float16]

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
_LET_GO_AFTER = 25_000
"""Rows looked at, each on a page of its own: a hundred megabytes."""
MAPPED = ".f16.npy"
"""How the names of files end that are mapped, and not read when an index is opened."""


class VectorIndex(Protocol):
    """Vectors by row; the score of a row is its inner product with the query."""

    def __len__(self) -> int: ...

    @property
    def dimension(self) -> int: ...

    def search(self, query: Vectors, limit: int, among: Rows | None = None) -> tuple[Rows, Vectors]:
        """The best rows for one query of shape (dimension,) and their scores, best first.

        ``among`` are the rows that count; None: all.
        """

    def scores(self, query: Vectors, rows: Rows) -> Vectors:
        """The scores of given rows, shape (len(rows),)."""

    def vectors(self, rows: Rows) -> Vectors:
        """The vectors of given rows, shape (len(rows), dimension)."""

    def save(self, path: Path) -> None: ...


def build(
    vectors: Vectors, *, flat_up_to: int = FLAT_UP_TO, like: VectorIndex | None = None
) -> VectorIndex:
    """Index ``vectors``, shape (n, dimension), which may be mapped from a file.

    With more than ``flat_up_to`` rows search is by clusters: those of ``like``, an index of
    about as many rows, or new ones.
    """
    if len(vectors) <= flat_up_to:
        return FlatIndex.build(vectors)
    old = like.clusters if isinstance(like, LargeIndex) else None
    return LargeIndex(_clustered(vectors, old), vectors)


def load(path: Path) -> VectorIndex:
    """Read what ``save`` wrote; GenerationError when it is something else."""
    try:
        halves = _beside(path)
        if halves.exists():
            vectors = np.load(halves, mmap_mode="r", allow_pickle=False)
            index = faiss.read_index(str(path))
            if isinstance(index, faiss.IndexIVFScalarQuantizer):
                return LargeIndex(index, vectors)
        else:
            index = faiss.deserialize_index(np.frombuffer(path.read_bytes(), dtype=np.uint8))
            if isinstance(index, faiss.IndexFlatIP):
                return FlatIndex(index)
    except (OSError, RuntimeError, ValueError) as error:
        raise GenerationError(f"the vectors in {path} cannot be read: {error}") from error
    raise GenerationError(f"{path} holds another kind of index: {type(index).__name__}")


def _beside(path: Path) -> Path:
    return path.with_suffix(MAPPED)


class FlatIndex:
    """Exact search, all in memory."""

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
    """Search by clusters, in memory; scores by vectors that need not be.

    Its scores are those of the vectors in half precision, 0.001 from the exact ones at most
    for vectors of length 1.
    """

    def __init__(self, clusters: faiss.IndexIVFScalarQuantizer, vectors: Halves | Vectors) -> None:
        self.clusters = clusters
        self._vectors = vectors.view(np.ndarray)  # each look at a memmap is slow
        base: Any = vectors.base
        self._mapping = base if isinstance(base, mmap.mmap) else None
        self._looked_at = 0
        if self._mapping is not None and hasattr(mmap, "MADV_RANDOM"):
            self._mapping.madvise(mmap.MADV_RANDOM)

    def __len__(self) -> int:
        return len(self._vectors)

    @property
    def dimension(self) -> int:
        return int(self._vectors.shape[1])

    def search(self, query: Vectors, limit: int, among: Rows | None = None) -> tuple[Rows, Vectors]:
        count = len(self) if among is None else len(among)
        limit = min(limit, count)
        rows = among
        if count > EXACT_UP_TO:
            parameters = faiss.SearchParametersIVF(  # type: ignore[call-arg]
                sel=_selector(len(self), among), nprobe=_probed(self.clusters)
            )
            _alone()
            _, near = self.clusters.search(
                query[np.newaxis].astype(np.float32), limit, params=parameters
            )
            if near.min() >= 0:  # else the clusters that were searched hold too few that count
                rows = near[0]
        rows = np.arange(len(self)) if rows is None else rows
        scores = self.scores(query, rows)
        if len(rows) > limit:
            best = np.argpartition(-scores, limit - 1)[:limit]
            rows, scores = rows[best], scores[best]
        order = np.argsort(-scores, kind="stable")
        return rows[order], scores[order]

    def scores(self, query: Vectors, rows: Rows) -> Vectors:
        found = np.empty(len(rows), np.float32)
        for begin in range(0, len(rows), _AT_ONCE):
            some = slice(begin, begin + _AT_ONCE)
            found[some] = _products(query, self.vectors(rows[some]))
        return found

    def vectors(self, rows: Rows) -> Vectors:
        found = np.asarray(self._vectors[rows], dtype=np.float32)
        self._looked_at += len(rows)
        if self._looked_at > _LET_GO_AFTER and self._mapping and hasattr(mmap, "MADV_DONTNEED"):
            # What was looked at stays in the system's cache, but no longer counts as ours.
            self._mapping.madvise(mmap.MADV_DONTNEED)
            self._looked_at = 0
        return found

    def save(self, path: Path) -> None:
        faiss.write_index(self.clusters, str(path))
        halves = np.lib.format.open_memmap(
            _beside(path), mode="w+", dtype=np.float16, shape=self._vectors.shape
        )
        for begin in range(0, len(self), _AT_ONCE):
            some = slice(begin, begin + _AT_ONCE)
            halves[some] = self._vectors[some]
        halves.flush()


def _clustered(
    vectors: Vectors, old: faiss.IndexIVFScalarQuantizer | None
) -> faiss.IndexIVFScalarQuantizer:
    size, dimension = vectors.shape
    index: Any
    if old is not None and size / 2 <= old.ntotal <= size * 2:
        # Finding clusters takes seconds, and one more article changes none.
        index = faiss.clone_index(old)
        index.reset()
    else:
        clusters = 4 * math.isqrt(size)
        quantizer = faiss.IndexFlatIP(dimension)
        index = faiss.IndexIVFScalarQuantizer(
            quantizer,
            dimension,
            clusters,
            faiss.ScalarQuantizer.QT_8bit,
            faiss.METRIC_INNER_PRODUCT,
        )
        faiss.omp_set_num_threads(os.cpu_count() or 1)
        drawn = np.random.default_rng(0).choice(size, min(size, _TRAINED_ON * clusters), False)
        index.train(np.asarray(vectors[np.sort(drawn)], dtype=np.float32))
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
