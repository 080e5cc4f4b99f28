"""What all tests share: an embedder that can be read by eye, and the real one."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from index import Engine, IndexSettings
from index.embedding import PackagedEmbedder, Step, Vectors
from index.postgres.database import PostgresDatabase
from tests.postgres import Server, execute, server

AXES = ("king", "queen", "ship", "island", "gold", "storm", "doctor", "apple")


class WordEmbedder:
    """Counts eight words; a text's vector points where its words are.

    "king king ship" is (2, 0, 1, 0, 0, 0, 0, 0) over its length. A text with none of the
    words points along a ninth axis. A token is a word; the model reads sixteen.
    """

    fingerprint = "words@1"
    dimension = len(AXES) + 1
    max_tokens = 16

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def encode(self, texts: Sequence[str], step: Step | None = None) -> Vectors:
        self.encoded += texts
        vectors = np.array([self._vector(text) for text in texts], dtype=np.float32)
        if step and texts:
            step(len(texts), len(texts))
        return vectors.reshape(len(texts), self.dimension)

    @staticmethod
    def _vector(text: str) -> list[float]:
        words = [word.strip(".,;:!?\"'()").casefold() for word in text.split()]
        counts = [float(words.count(axis)) for axis in AXES]
        counts.append(0.0 if any(counts) else 1.0)
        length = sum(count**2 for count in counts) ** 0.5
        return [count / length for count in counts]


@pytest.fixture
def embedder() -> WordEmbedder:
    return WordEmbedder()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One PostgreSQL for the whole run, with a database to copy that holds the tables."""
    with server() as one:
        execute(one.url(), "CREATE DATABASE empty")
        PostgresDatabase.open(one.url(database="empty")).close()
        yield one


@pytest.fixture
def postgres_url(postgres: Server) -> Iterator[str]:
    """A database of the test's own, with the tables and nothing in them."""
    name = f"test_{secrets.token_hex(4)}"
    execute(postgres.url(), f"CREATE DATABASE {name} TEMPLATE empty")
    yield postgres.url(database=name)
    execute(postgres.url(), f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database_url() -> str | None:
    """None, which is SQLite; a module may say otherwise (``tests.postgres.on_both``)."""
    return None


@pytest.fixture
def open_engine(
    tmp_path: Path, embedder: WordEmbedder, database_url: str | None
) -> Iterator[Callable[..., Engine]]:
    """Open engines over one data folder and database, with the embedder that counts words."""
    opened: list[Engine] = []

    def open_one(**settings: object) -> Engine:
        settings = {"database_url": database_url, **settings}
        chosen = IndexSettings(data_dir=tmp_path / "data", **settings)
        engine = Engine.open(chosen, embedder=embedder)
        opened.append(engine)
        return engine

    yield open_one
    for engine in opened:
        engine.close()


@pytest.fixture
def engine(open_engine: Callable[..., Engine]) -> Engine:
    return open_engine()


@pytest.fixture(scope="session")
def minilm() -> PackagedEmbedder:
    """The packaged model, loaded once for the whole run."""
    model = PackagedEmbedder()
    model.encode(["warm"])
    return model
