"""A real primary and its standby: what is asked goes on, what was written is there."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from math import inf
from pathlib import Path

import pytest

from index import DatabaseAway, Engine, IndexSettings, Scope, StorageError, TryAgain
from tests.conftest import WordEmbedder
from tests.postgres import Server, execute, free_port, home, server

pytestmark = pytest.mark.long

LOCAL = Scope.local()
TALE = b"The king has gold. The queen sails a ship to the island. A storm took the doctor."
ASKERS = 4


@pytest.fixture
def pair() -> Iterator[tuple[Server, Server]]:
    """A primary, and a standby without which it commits nothing."""
    with home() as (programs, folder), ExitStack() as running:
        primary = Server(programs, folder / "primary", free_port())
        running.callback(primary.stop)
        primary.create(synchronous_commit="on", fsync="on")
        primary.start()
        standby = primary.standby(folder / "standby")
        running.callback(standby.stop)
        standby.start()
        primary.configure(synchronous_standby_names="*")
        execute(primary.url(), "SELECT pg_reload_conf()")
        yield primary, standby


class Load:
    """Askers and a writer, from now on; ``end`` tells what came of it."""

    def __init__(self, engine: Engine, *, deadline_s: float | None = None) -> None:
        self.engine = engine
        self.deadline_s = deadline_s
        self.answered: list[float] = []
        self.lost: list[BaseException] = []
        self.longest_s = 0.0
        self.written: list[tuple[float, str]] = []
        self.unsure = 0
        self._answer = engine.ask(LOCAL, "Who has gold?", threshold=0)
        self._ends = threading.Event()
        self._threads = [
            *(threading.Thread(target=self._ask, args=(n,)) for n in range(ASKERS)),
            threading.Thread(target=self._write),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def asked(self) -> int:
        return len(self.answered)

    def _ask(self, asker: int) -> None:
        for n in itertools.count():
            if self._ends.is_set():
                return
            # Each question is a new one, so that none is answered from memory.
            question, begun = f"Has the king gold {asker} {n}?", time.monotonic()
            try:
                answer = self.engine.ask(LOCAL, question, threshold=0, deadline_s=self.deadline_s)
                assert answer.text == "The king has gold."
                self.answered.append(time.monotonic())
            except BaseException as error:  # noqa: BLE001 - told in the end
                self.lost.append(error)
            self.longest_s = max(self.longest_s, time.monotonic() - begun)

    def _write(self) -> None:
        while not self._ends.is_set():
            try:
                record = self.engine.journal.record(LOCAL, 7, self._answer)
            except (TryAgain, StorageError):  # it may be there or not
                self.unsure += 1
                time.sleep(0.02)
            else:
                self.written.append((time.monotonic(), record.id))

    @property
    def last(self) -> float:
        """When something was written last."""
        return self.written[-1][0] if self.written else 0.0

    def end(self) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive(), "it hangs"


def test_a_killed_primary_costs_no_answer_and_no_row(
    pair: tuple[Server, Server], tmp_path: Path, embedder: WordEmbedder
) -> None:
    primary, standby = pair
    settings = IndexSettings(data_dir=tmp_path, database_url=primary.url(standby))
    with Engine.open(settings, embedder=embedder) as engine:
        engine.add(LOCAL, TALE)
        load = Load(engine)
        time.sleep(1)
        primary.kill()
        time.sleep(1)
        before = load.asked
        promoted = time.monotonic()
        standby.promote()
        while load.last < promoted and time.monotonic() < promoted + 20:
            time.sleep(0.05)
        time.sleep(1)
        load.end()
        first = next((at for at, _ in load.written if at > promoted), inf) - promoted
        kept = {name for (name,) in execute(standby.url(), "SELECT id FROM answers")}
        print(
            f"\n{load.asked} questions, {len(load.lost)} lost; {len(load.written)} written,"
            f" {len({name for _, name in load.written} - kept)} lost;"
            f" the first {first:.2f} s after the promotion"
        )
        assert load.lost == []
        assert before > 50
        assert load.asked > before
        assert first < 5
        assert {name for _, name in load.written} <= kept
        # Articles can be changed again too, and what is new is answered from at once.
        engine.add(LOCAL, b"The doctor has an apple.")
        assert engine.ask(LOCAL, "Has the doctor an apple?", threshold=0).answered
        assert engine.verify(LOCAL).problems == ()


def test_a_restart_costs_no_answer(tmp_path: Path, embedder: WordEmbedder) -> None:
    with server(fsync="on") as alone:
        settings = IndexSettings(data_dir=tmp_path, database_url=alone.url())
        with Engine.open(settings, embedder=embedder) as engine:
            engine.add(LOCAL, TALE)
            load = Load(engine)
            time.sleep(0.5)
            alone.kill()
            alone.start()
            time.sleep(1)
            load.end()
            assert load.lost == []
            kept = [name for (name,) in execute(alone.url(), "SELECT id FROM answers")]
            assert {name for _, name in load.written} <= set(kept)
            # What was cut off between its commit and the word of it may be there too.
            assert len(kept) <= len(load.written) + load.unsure
            # Down for longer than anybody waits: an honest word, and all is well again after.
            alone.kill()
            with pytest.raises(DatabaseAway, match="try again in a moment"):
                engine.ask(LOCAL, "Who sails a ship?")
            alone.start()
            assert engine.ask(LOCAL, "Who sails a ship?", threshold=0).answered
