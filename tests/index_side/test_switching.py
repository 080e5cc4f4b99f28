"""Several processes answer from one PostgreSQL while articles are indexed anew."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from index import Engine, IndexSettings, Scope
from tests.conftest import WordEmbedder

pytestmark = pytest.mark.long

LOCAL = Scope.local()
PROCESSES = 4
QUESTIONS = int(os.environ.get("QUESTIONS", "1000"))
"""In all; 10,000 take about two minutes."""
EVERY_S = 0.4
WITHIN_S = 1.0


def text(edition: int) -> str:
    tag = f"edition{edition}"
    return (
        f"The king has gold in {tag}. The gold of the king is old in {tag}.\n\n"
        f"The queen sails a ship in {tag}. A storm took the doctor in {tag}."
    )


@pytest.fixture
def answering(postgres_url: str, tmp_path: Path) -> Iterator[list[Path]]:
    """The files that processes write their answers to."""
    logs = [tmp_path / f"answers-{n}" for n in range(PROCESSES)]
    processes = []
    for number, log in enumerate(logs):
        command = [
            *(sys.executable, "-m", "tests.index_side.switched"),
            *(postgres_url, str(tmp_path / str(number)), str(number * 1_000_000)),
        ]
        with log.open("wb") as file:
            processes.append(subprocess.Popen(command, stdout=file))
    yield logs
    for process in processes:
        process.kill()
        process.wait()


def lines(log: Path) -> list[tuple[float, list[int]]]:
    whole = log.read_text().rpartition("\n")[0]
    return [tuple(json.loads(line)) for line in whole.splitlines()]


def test_each_process_switches_at_once_and_mixes_nothing(
    postgres_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    source = tmp_path / "tale.txt"
    settings = IndexSettings(data_dir=tmp_path / "main", database_url=postgres_url)
    with Engine.open(settings, embedder=WordEmbedder()) as engine:
        source.write_text(text(0))
        engine.add(LOCAL, source)
        logs = request.getfixturevalue("answering")
        published = [time.time()]
        until = time.monotonic() + 500
        while sum(log.read_bytes().count(b"\n") for log in logs) < QUESTIONS:
            assert time.monotonic() < until, "the processes answer too slowly"
            time.sleep(EVERY_S)
            source.write_text(text(len(published)))
            engine.reindex(LOCAL)
            published.append(time.time())
    slowest = 0.0
    asked = 0
    for log in logs:
        answers = lines(log)
        asked += len(answers)
        seen = -1
        for at, editions in answers:
            assert len(editions) == 1, f"an answer mixes the editions {editions}"
            assert editions[0] >= seen, "an older index answered after a newer one"
            seen = editions[0]
            if seen + 1 < len(published):  # asked after the next one was there?
                slowest = max(slowest, at - published[seen + 1])
        assert seen > 0, "a process never switched"
    print(f"\n{asked} questions, {len(published) - 1} re-indexes, the last old answer was asked"
          f" {max(slowest, 0):.3f} s after a switch")  # fmt: skip
    assert slowest < WITHIN_S
