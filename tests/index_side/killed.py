"""A process that does one thing to a library and kills itself at the n-th step towards it.

    python -m tests.index_side.killed

Reads lines ``FOLDER VERB N``, forks for each, and answers ``killed`` or ``done``. A step is
whatever reaches the disk: a commit, a rename, a replacement, a flush, a deletion. An odd
N kills before a step, an even one right after it.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from index import Check, Document, Engine, IndexSettings, Scope, restore
from index.intake import Intake, Several, Taken
from tests.conftest import WordEmbedder

LOCAL = Scope.local()
FIRST = "The king has a ship. The queen has gold."
SECOND = "A storm came to the island. The ship sank."
CHANGED = "The king has two ships. The queen has gold."
NEW = "The island has a queen."


STEPS = "steps.txt"
"""Where a finished verb leaves the names of its steps."""
FEED = "http://news.example/feed"
PAGE = "http://news.example/page"


class FedIntake(Intake):
    """Reads files, and a feed of one page without any network."""

    def take(self, source: Any, **told: Any) -> Taken:
        if source == PAGE:
            return Taken(Document("fed", "The feed tells of gold.", PAGE, "text/plain"))
        return super().take(source, **told)

    def take_again(self, source: str, **told: Any) -> Taken | None:
        if source == FEED:
            raise Several("a feed", [PAGE], FEED)
        return super().take_again(source, **told)


def opened(folder: Path) -> Engine:
    settings = IndexSettings(data_dir=folder / "data", threshold=0)
    return Engine.open(settings, embedder=WordEmbedder(), intake=FedIntake(1_000_000))


def prepare(folder: Path) -> None:
    """Two articles, one of them a file that has changed since, and one that was removed."""
    (folder / "first.txt").write_text(FIRST)
    with opened(folder) as engine:
        engine.add(LOCAL, folder / "first.txt")
        engine.add(LOCAL, SECOND.encode(), title="second")
        gone = engine.add(LOCAL, b"Old gold.", title="gone")
        engine.remove(LOCAL, gone.id)
        engine.back_up(folder / "copy.sqlite")
    (folder / "first.txt").write_text(CHANGED)


def _restore(engine: Engine, folder: Path) -> None:
    engine.close()
    restore(folder / "data", folder / "copy.sqlite")


def _follow(engine: Engine, _: Path) -> None:
    engine._watching.watch(LOCAL, FEED, [], Check(datetime.now(UTC)))
    engine.refresh_due(timedelta(days=1), datetime.now(UTC) + timedelta(days=2))


VERBS: dict[str, Callable[[Engine, Path], Any]] = {
    "add": lambda engine, _: engine.add(LOCAL, NEW.encode(), title="new"),
    "add again": lambda engine, folder: engine.add(LOCAL, folder / "first.txt"),
    "remove": lambda engine, _: engine.remove(LOCAL, 2),
    "undelete": lambda engine, _: engine.undelete(LOCAL, 3),
    "reindex": lambda engine, _: engine.reindex(LOCAL),
    "promote": lambda engine, _: engine.promote(engine.rehearse(LOCAL)),
    "follow a feed": _follow,
    "rebuild": lambda engine, _: engine.rebuild(LOCAL),
    "prune": lambda engine, _: engine.prune(datetime.now(UTC) + timedelta(days=2)),
    "back up": lambda engine, folder: engine.back_up(folder / "copy.sqlite"),
    "restore": _restore,
    "roll back": lambda engine, _: engine.roll_back(LOCAL, engine.generations(LOCAL)[-1].name),
}


def main() -> None:
    for line in sys.stdin:
        folder, verb, number = line.rstrip("\n").split("\t")
        child = os.fork()
        if not child:
            _do(Path(folder), verb, int(number))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print("killed" if killed else "done" if status == 0 else f"failed {status}", flush=True)


def _do(folder: Path, verb: str, number: int) -> None:
    engine = opened(folder)
    steps = _arm(number)
    VERBS[verb](engine, folder)
    (folder / STEPS).write_bytes("\n".join(steps).encode())


def _arm(number: int) -> list[str]:
    """Kill at that step; the names of those that were reached, as they come."""
    steps: list[str] = []

    def reach(name: str) -> None:
        steps.append(name)
        if len(steps) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def watched(call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **named: Any) -> Any:
            reach(call.__name__)
            result = call(*arguments, **named)
            reach(call.__name__)
            return result

        return run

    for owner, name in (
        (os, "replace"), (os, "rename"), (os, "fsync"), (os, "unlink"), (shutil, "rmtree"),
        (shutil, "copyfile"), (Path, "rename"), (Path, "replace"), (Path, "write_text"),
    ):  # fmt: skip
        setattr(owner, name, watched(getattr(owner, name)))
    commit = sa.engine.default.DefaultDialect.do_commit
    sa.engine.default.DefaultDialect.do_commit = watched(commit)  # type: ignore[method-assign]
    return steps


if __name__ == "__main__":
    main()
