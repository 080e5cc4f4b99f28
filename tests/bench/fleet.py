"""Many servers in one PostgreSQL: how long a search within one of them takes, beside FAISS.

    python -m tests.bench.fleet [--guilds 500] [--sentences 200] [--questions 1000]

Starts a PostgreSQL of its own. The vectors are drawn at random around centres, as many for
each server; a search takes the nearest of one server's. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from index.generation import Generation
from index.generation_files import GenerationFiles
from index.postgres.database import PostgresDatabase
from index.postgres.generations import GenerationRows
from index.types import Scope
from index.vectors import FlatIndex
from tests.index_side.test_stores import DIMENSION, WORDS, contents, publish, unit
from tests.postgres import Server, execute, server

NEAREST = 5
CANDIDATES = 256


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    begun = time.perf_counter()
    result = work()
    return result, (time.perf_counter() - begun) * 1000


def told(times: list[float]) -> dict[str, float]:
    return {
        "p50_ms": round(statistics.median(times), 3),
        "p95_ms": round(statistics.quantiles(times, n=20)[-1], 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--guilds", type=int, default=500)
    parser.add_argument("--sentences", type=int, default=200)
    parser.add_argument("--questions", type=int, default=1000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, server(shared_buffers="512MB") as postgres:
        database = PostgresDatabase.open(postgres.url())
        rows = GenerationRows(database, Path(folder))
        files = GenerationFiles(Path(folder) / "files")
        made, opened = [], []
        begun = time.perf_counter()
        for guild in range(chosen.guilds):
            made.append(contents(chosen.sentences, seed=guild))
            opened.append(publish(rows, Scope.guild(guild), made[-1]))
        published_s = time.perf_counter() - begun
        execute(postgres.url(), "VACUUM ANALYZE")
        beside = [publish(files, Scope.guild(n), one) for n, one in enumerate(made)]
        all_vectors = np.concatenate([one.sentence_vectors for one in made])
        whole = FlatIndex.build(all_vectors)
        chance = np.random.default_rng(7)
        times: dict[str, list[float]] = {name: [] for name in ("rows", "files", "one index")}
        retrieval: dict[str, list[float]] = {"rows": [], "files": []}
        found = wanted = 0
        busy_s = server_cpu_s(postgres)
        for number in range(chosen.questions + 20):
            guild = int(chance.integers(chosen.guilds))
            near = made[guild].sentence_vectors[chance.integers(chosen.sentences)]
            query = unit(near + chance.normal(size=DIMENSION) * 0.03)
            words = [WORDS[n] for n in chance.integers(len(WORDS), size=5)]
            mine = np.arange(chosen.sentences) + guild * chosen.sentences
            row, row_ms = timed(lambda: nearest(opened[guild], query))  # noqa: B023
            _, file_ms = timed(lambda: nearest(beside[guild], query))  # noqa: B023
            _, one_ms = timed(lambda: whole.search(query, NEAREST, mine))  # noqa: B023
            _, all_ms = timed(lambda: opened[guild].candidates(query, words, CANDIDATES))  # noqa: B023
            _, own_ms = timed(lambda: beside[guild].candidates(query, words, CANDIDATES))  # noqa: B023
            if number < 20:  # the first ones warm the caches
                continue
            truth = np.argsort(-(made[guild].sentence_vectors @ query))[:NEAREST]
            found += len(set(row) & set(truth))
            wanted += NEAREST
            for name, ms in (("rows", row_ms), ("files", file_ms), ("one index", one_ms)):
                times[name].append(ms)
            retrieval["rows"].append(all_ms)
            retrieval["files"].append(own_ms)
        busy_s = server_cpu_s(postgres) - busy_s
        size = execute(postgres.url(), "SELECT pg_database_size('postgres')")[0][0]
        database.close()
    print(
        json.dumps(
            {
                "sentences": chosen.guilds * chosen.sentences,
                "guilds": chosen.guilds,
                "publish_ms_a_guild": round(published_s * 1000 / chosen.guilds, 1),
                "search": {name: told(of) for name, of in times.items()},
                f"recall@{NEAREST}": round(found / wanted, 4),
                "all of retrieval but fusing": {name: told(of) for name, of in retrieval.items()},
                # A nearest search and all of retrieval, on the server's side.
                "server_cpu_ms_a_question": round(busy_s * 1000 / chosen.questions, 2),
                "database_mb": round(int(str(size)) / 1e6, 1),
            },
            indent=1,
        )
    )


def server_cpu_s(postgres: Server) -> float:
    """What the processes of the server that are there have used of the processor."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            fields = stat.read_text().rpartition(") ")[2].split()
            if int(fields[1]) == postgres.pid:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def nearest(generation: Generation, query: np.ndarray) -> np.ndarray:
    return generation.parts.sentence_vectors.search(query, NEAREST)[0]


if __name__ == "__main__":
    main()
