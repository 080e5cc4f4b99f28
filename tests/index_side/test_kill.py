"""Killed at any step of any change, a library is as before or as after it, and whole."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.sqlite import check_backup
from tests.index_side.killed import LOCAL, STEPS, VERBS, opened, prepare

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it forks")
MANY = frozenset(("fsync", "unlink"))
"""Steps that come in long runs, one for each file of an index."""


def chosen(names: list[str]) -> list[int]:
    """Every step but those inside a long run of like ones: of these every fifth, before and
    after in turn; and at last one that is never reached.
    """
    alike = [name in MANY and names[n - 2 : n + 3].count(name) == 5 for n, name in enumerate(names)]
    steps = [n + 1 for n in range(len(names)) if not alike[n] or n % 5 == 0]
    return [*steps, len(names) + 1]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    prepare(folder)
    return folder


@pytest.fixture(scope="module")
def killer() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.index_side.killed"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def told(killer: subprocess.Popen[str], folder: Path, verb: str, number: int) -> str:
    assert killer.stdin is not None
    assert killer.stdout is not None
    killer.stdin.write(f"{folder}\t{verb}\t{number}\n")
    killer.stdin.flush()
    return killer.stdout.readline().strip()


def seen(folder: Path) -> tuple[tuple[str, int, str | None], ...]:
    """Each article's title and version, and what it answers; all of it checked to be whole."""
    with opened(folder) as engine:
        articles = engine.articles(LOCAL)
        found = []
        for article in articles:
            answer = engine.ask(LOCAL, "the king queen ship gold island storm", only=article)
            quote = answer.quote
            assert quote is not None
            text = engine._catalogue.text(LOCAL, article.id, quote.version)
            assert text[quote.start : quote.end] == quote.text
            found.append((article.title, article.version, quote.text))
        report = engine.verify(LOCAL)
        assert report.problems == ()
        assert len({article.source for article in articles}) == len(articles)
    return tuple(found)


@pytest.mark.parametrize("verb", VERBS)
def test_a_kill_leaves_the_state_before_or_after_and_loses_nothing(
    killer: subprocess.Popen[str], prepared: Path, tmp_path: Path, verb: str
) -> None:
    def fresh(name: str) -> Path:
        copy = tmp_path / name
        shutil.copytree(prepared, copy)
        for old in (copy / "data").rglob("lock"):
            old.unlink()
        # The article's source is a path: the copy's own.
        return copy

    before = seen(fresh("before"))
    finished = fresh("after")
    assert told(killer, finished, verb, 0) == "done"
    after = seen(finished)
    steps = (finished / STEPS).read_text().splitlines()
    for number in chosen(steps):
        folder = fresh(f"at-{number}")
        outcome = told(killer, folder, verb, number)
        assert outcome == ("killed" if number <= len(steps) else "done")
        state = seen(folder)
        assert state in {before, after}
        check_backup(folder / "copy.sqlite")
        if outcome == "done":
            break
        # The same again goes through, and ends as it would have without the kill.
        # What a roll-back names may be pruned by then, and the rest cannot be done twice.
        is_done = verb in {"remove", "undelete"} and state == after
        if verb != "roll back" and not is_done:
            assert told(killer, folder, verb, 0) == "done"
            assert seen(folder) == after
        shutil.rmtree(folder)
    assert len(steps) >= 2
