"""Vectors as rows: exact by scope, and by a graph where one generation holds many.

The graph is pgvector's HNSW (Malkov and Yashunin 2016, "Efficient and robust approximate nearest
neighbor search using Hierarchical Navigable Small World graphs").
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa

from index.database import Database
from index.errors import DatabaseAway
from index.vectors import Rows, Vectors

EXACT_UP_TO = 10_000
"""Sentences of a generation from which its vectors have a table and graphs of their own."""
_LONGEST_FILTER = 2_000
_COPIED_AT_ONCE = 4_096

SHARED_TABLE = "embeddings"


@dataclass(frozen=True, slots=True)
class RowVectors:
    """One kind of vector of one generation, a ``VectorIndex``.

    ``table`` and ``column`` are names of this module's own, never of anybody's input.
    """

    database: Database
    table: str
    column: str
    scope: str
    generation: str
    size: int
    dimension: int

    is_exact = False
    """Half precision: products are within 0.0001."""
    bytes_in_memory = 0

    def __len__(self) -> int:
        return self.size

    def search(self, query: Vectors, limit: int, among: Rows | None = None) -> tuple[Rows, Vectors]:
        limit = min(limit, self.size if among is None else len(among))
        if not limit:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        if among is None or len(among) == self.size:
            return self._nearest(query, limit, "", {})
        left_out = np.setdiff1d(np.arange(self.size), among, assume_unique=True)
        if len(left_out) > _LONGEST_FILTER and len(among) > _LONGEST_FILTER:
            # Few of the nearest are left out, mostly: taking more is cheaper than a long filter.
            rows, scores = self._nearest(query, 2 * limit, "", {})
            counts = np.isin(rows, among)
            if counts.sum() >= limit:
                return rows[counts][:limit], scores[counts][:limit]
        if len(left_out) <= len(among):
            found = self._nearest(query, limit, "AND row <> ALL(:rows)", {"rows": left_out})
        else:
            found = self._nearest(query, limit, "AND row = ANY(:rows)", {"rows": among})
        if len(found[0]) == limit:
            return found
        # The graph was left before so many were found; or they are gone, which this tells.
        scores = self.scores(query, among)
        best = np.argsort(-scores, kind="stable")[:limit]
        return among[best], scores[best]

    def scores(self, query: Vectors, rows: Rows) -> Vectors:
        if not len(rows):
            return np.empty(0, np.float32)
        wanted, places = np.unique(rows, return_inverse=True)
        found = self._rows(f"-({self._product})", query, wanted)
        return np.array([score for (score,) in found], np.float32)[places]

    def vectors(self, rows: Rows) -> Vectors:
        if not len(rows):
            return np.empty((0, self.dimension), np.float32)
        wanted, places = np.unique(rows, return_inverse=True)
        found = self._rows(f"{self.column}::vector::real[]", None, wanted)
        return np.array([vector for (vector,) in found], np.float32)[places]

    @property
    def _product(self) -> str:
        width = f"halfvec({self.dimension})"
        return f"({self.column}::{width}) <#> CAST(:query AS {width})"

    @property
    def _mine(self) -> str:
        # A table of its own holds nothing else, and its graph knows of no condition.
        shared = " AND generation = :generation"
        return f"scope = :scope{shared if self.table == SHARED_TABLE else ''}"

    def _nearest(
        self, query: Vectors, limit: int, condition: str, chosen: dict[str, Rows]
    ) -> tuple[Rows, Vectors]:
        statement = sa.text(
            f"SELECT row, -({self._product}) FROM {self.table}"  # noqa: S608
            f" WHERE {self._mine} {condition}"
            f" ORDER BY {self._product} LIMIT :limit"
        )
        values = self._values(query) | {name: rows.tolist() for name, rows in chosen.items()}
        with self.database.reading() as connection:
            found = connection.execute(statement, {**values, "limit": limit}).all()
        if len(found) < limit and not chosen:
            self._gone()
        # A graph brings them nearly in order.
        rows = np.array([row for row, _ in found], np.int64)
        scores = np.array([score for _, score in found], np.float32)
        order = np.argsort(-scores, kind="stable")
        return rows[order], scores[order]

    def _rows(self, wanted: str, query: Vectors | None, rows: Rows) -> list[sa.Row[tuple[object]]]:
        statement = sa.text(
            f"SELECT {wanted} FROM {self.table}"  # noqa: S608
            f" WHERE {self._mine} AND row = ANY(:rows) ORDER BY row"
        )
        values = {**self._values(query), "rows": rows.tolist()}
        with self.database.reading() as connection:
            found = connection.execute(statement, values).all()
        if len(found) != len(rows):
            self._gone()
        return list(found)

    def _values(self, query: Vectors | None) -> dict[str, object]:
        values: dict[str, object] = {"scope": self.scope}
        if self.table == SHARED_TABLE:
            values["generation"] = self.generation
        if query is not None:
            values["query"] = f"[{','.join(map(str, query.astype(np.float32).tolist()))}]"
        return values

    def _gone(self) -> None:
        raise DatabaseAway(f"the index of {self.scope} was replaced meanwhile; try again")


def copied(scope: str, generation: str, sentences: Vectors, windows: Vectors) -> Iterator[bytes]:
    """The rows of ``embeddings`` as binary COPY reads them, some thousands at a time."""
    width = sentences.shape[1]
    names = [name.encode() for name in (scope, generation)]
    halves = [("bytes", ">i4"), ("dimension", ">i2"), ("unused", ">i2"), ("half", ">f2", (width,))]
    record = np.dtype(
        [
            ("fields", ">i2"),
            ("scope_bytes", ">i4"),
            ("scope", f"S{len(names[0])}"),
            ("generation_bytes", ">i4"),
            ("generation", f"S{len(names[1])}"),
            ("row_bytes", ">i4"),
            ("row", ">i4"),
            ("sentence", halves),
            ("window", halves),
        ]
    )
    yield b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
    for begin in range(0, len(sentences), _COPIED_AT_ONCE):
        end = min(begin + _COPIED_AT_ONCE, len(sentences))
        rows = np.zeros(end - begin, record)
        rows["fields"] = 5
        rows["scope_bytes"], rows["scope"] = len(names[0]), names[0]
        rows["generation_bytes"], rows["generation"] = len(names[1]), names[1]
        rows["row_bytes"], rows["row"] = 4, np.arange(begin, end)
        for name, vectors in (("sentence", sentences), ("window", windows)):
            rows[name]["bytes"], rows[name]["dimension"] = 4 + 2 * width, width
            rows[name]["half"] = vectors[begin:end]
        yield rows.tobytes()
    yield struct.pack(">h", -1)
