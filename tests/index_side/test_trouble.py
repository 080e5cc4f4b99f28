"""A PostgreSQL that is slow, locked, full or cut off: what is asked and written meanwhile.

A question with a deadline ends by then, answered or told to try again, whatever the trouble is;
but for connecting, which may take two seconds for each host. All goes on by itself afterwards.
"""

from __future__ import annotations

import itertools
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from math import inf
from pathlib import Path

import psycopg
import pytest

from index import (
    Answer,
    DatabaseAway,
    DeadlineExceeded,
    Engine,
    IndexSettings,
    QueuedEngine,
    StorageError,
    TryAgain,
)
from index.postgres import database as database_module
from index.worker import Worker
from tests.conftest import WordEmbedder
from tests.index_side.test_failover import LOCAL, TALE, Load
from tests.index_side.test_queued import NeverAsked, working
from tests.postgres import Server, execute, fill, free_port, home, server, small_disk
from tests.proxy import CAN_SWALLOW, Proxy, proxy

DEADLINE_S = 1.0
CONNECT_S = 2.0
"""The least that libpq waits for a host."""
LATE_S = 0.5
"""What two busy cores may add."""
OUTAGE_S = 2.0
APPLE = b"The doctor has an apple."

NUMBERS = itertools.count()
"""For questions that were not asked before, and so are not answered from memory."""

swallows = pytest.mark.skipif(not CAN_SWALLOW, reason="only Linux can lose packets")
outages = pytest.mark.parametrize(
    "outage", [Proxy.cut, Proxy.hang, pytest.param(Proxy.swallow, marks=swallows)]
)


@pytest.fixture
def between(postgres: Server) -> Iterator[Proxy]:
    """The network between the engine and its server."""
    with proxy(postgres.port) as one:
        yield one


@pytest.fixture
def settings(between: Proxy, postgres_url: str, tmp_path: Path) -> IndexSettings:
    url = between.url(postgres_url.rpartition("/")[2])
    return IndexSettings(data_dir=tmp_path, database_url=url, threshold=0)


@pytest.fixture
def engine(settings: IndexSettings, embedder: WordEmbedder) -> Iterator[Engine]:
    """One with an article, warm."""
    with Engine.open(settings, embedder=embedder) as opened:
        opened.add(LOCAL, TALE)
        assert told(opened) == "The king has gold."
        yield opened


def told(engine: Engine, deadline_s: float | None = None) -> str | None:
    question = f"Has the king gold {next(NUMBERS)}?"
    return engine.ask(LOCAL, question, threshold=0, deadline_s=deadline_s).text


def untimed(answer: Answer) -> Answer:
    return replace(answer, elapsed_ms=0.0)


@contextmanager
def taking(least_s: float, most_s: float) -> Iterator[None]:
    begun = time.monotonic()
    yield
    took_s = time.monotonic() - begun
    assert least_s <= took_s < most_s + LATE_S


# Slow


def test_a_slow_network_makes_answers_late_and_changes_none(
    engine: Engine, between: Proxy, postgres_url: str, tmp_path: Path, embedder: WordEmbedder
) -> None:
    near = IndexSettings(data_dir=tmp_path / "near", database_url=postgres_url)
    between.delay_s = 0.05
    begun = time.monotonic()
    late = engine.ask(LOCAL, "Who sails to the island?", threshold=0)
    took_s = time.monotonic() - begun
    print(f"\nan answer over a network of 100 ms there and back: {took_s:.2f} s")
    assert took_s > 4 * between.delay_s
    with Engine.open(near, embedder=embedder) as other:
        at_once = other.ask(LOCAL, "Who sails to the island?", threshold=0)
    assert untimed(late) == untimed(at_once)
    record = engine.journal.record(LOCAL, 7, late)
    assert engine.journal.recall(LOCAL, record.id) == record


def test_a_deadline_that_a_slow_network_cannot_keep_is_told_in_time(
    engine: Engine, between: Proxy
) -> None:
    between.delay_s = 0.07
    with taking(0.3, 0.3), pytest.raises(DeadlineExceeded, match=r"no answer within 0\.3 s"):
        told(engine, 0.3)
    assert told(engine) == "The king has gold."


@pytest.mark.parametrize("table", ["scopes", "live", "embeddings", "postings"])
def test_a_locked_table_holds_a_question_up_until_its_deadline_at_most(
    engine: Engine, postgres_url: str, table: str
) -> None:
    with ThreadPoolExecutor(1) as pool:
        with psycopg.connect(postgres_url) as connection:
            connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            with taking(0.5, 0.5), pytest.raises(DeadlineExceeded, match="try again"):
                told(engine, 0.5)
            patient = pool.submit(told, engine, 8)
            time.sleep(0.3)
            assert not patient.done()
        with taking(0, 0.2):
            assert patient.result() == "The king has gold."


# Hanging


@outages
def test_while_there_is_no_network_a_question_ends_by_its_deadline(
    engine: Engine, between: Proxy, outage: Callable[[Proxy], None]
) -> None:
    outage(between)
    longest_s = DEADLINE_S if outage is Proxy.cut else CONNECT_S
    for _ in range(2):  # by a connection that was there, and by one to be made
        with (
            taking(DEADLINE_S, longest_s),
            pytest.raises(DeadlineExceeded, match="no answer within 1 s"),
        ):
            told(engine, DEADLINE_S)
    between.heal()
    with taking(0, 0.5):
        assert told(engine) == "The king has gold."


def test_a_server_that_hangs_is_given_up_without_a_deadline_too(
    engine: Engine, between: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert database_module._STATEMENT_S < database_module._SILENT_S <= 20
    monkeypatch.setattr(database_module, "_SILENT_S", 1)
    answer = engine.ask(LOCAL, "Who has gold?", threshold=0)
    engine.journal.record(LOCAL, 7, answer)
    between.hang()
    with taking(1, 1), pytest.raises(DatabaseAway, match="has not answered in time"):
        engine.journal.record(LOCAL, 7, answer)
    between.heal()
    engine.journal.record(LOCAL, 7, answer)


def test_who_waits_for_a_free_connection_waits_until_the_deadline_at_most(
    engine: Engine, between: Proxy
) -> None:
    database = engine._catalogue.database
    assert isinstance(database, database_module.PostgresDatabase)
    between.hang()
    with ThreadPoolExecutor(40) as pool:  # and 25 connections

        def ask(_: int) -> float:
            begun = time.monotonic()
            with pytest.raises(TryAgain):
                told(engine, DEADLINE_S)
            return time.monotonic() - begun

        took_s = max(pool.map(ask, range(40)))
    assert took_s < CONNECT_S + DEADLINE_S + LATE_S
    between.heal()
    assert told(engine) == "The king has gold."


def test_what_is_built_under_a_lock_may_take_longer_than_anything_else(
    engine: Engine, between: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "_SILENT_S", 0.3)
    database = engine._catalogue.database
    assert isinstance(database, database_module.PostgresDatabase)
    with database.locked("build", 0, "busy"), database.within(0.3):
        healing = threading.Timer(1, between.heal)
        between.hang()
        healing.start()
        with taking(1, 1):
            assert len(engine.articles(LOCAL)) == 1
        healing.join()


@pytest.mark.long
@swallows
def test_a_host_that_acknowledges_nothing_is_given_up_after_six_seconds(
    engine: Engine, between: Proxy
) -> None:
    between.swallow()
    with taking(5, 7), pytest.raises(DatabaseAway, match="try again in a moment"):
        engine.articles(LOCAL)


# Cut off, under load


@pytest.mark.long
@outages
def test_an_outage_loses_nothing_and_is_over_when_it_is_over(
    engine: Engine, between: Proxy, postgres_url: str, outage: Callable[[Proxy], None]
) -> None:
    load = Load(engine, deadline_s=DEADLINE_S)
    time.sleep(0.5)
    outage(between)
    time.sleep(OUTAGE_S)
    between.heal()
    answered_s, written_s = back_after(load)
    kept = kept_in(postgres_url)
    print(
        f"\n{outage.__name__}: {summary(load, kept)};"
        f" answered again after {answered_s:.2f} s, written after {written_s:.2f} s"
    )
    assert [error for error in load.lost if not isinstance(error, TryAgain)] == []
    assert load.lost, "the outage was not felt"
    assert load.longest_s < CONNECT_S + LATE_S
    assert max(answered_s, written_s) < 5
    assert {name for _, name in load.written} <= set(kept)
    assert len(kept) <= len(load.written) + load.unsure
    engine.add(LOCAL, APPLE)
    assert engine.ask(LOCAL, "Has the doctor an apple?", threshold=0).text == APPLE.decode()
    assert engine.verify(LOCAL).problems == ()


def back_after(load: Load) -> tuple[float, float]:
    """End the load once all goes on; how long from now that took to be answered and written."""
    now = time.monotonic()
    while min(load.last, max(load.answered)) < now and time.monotonic() < now + 10:
        time.sleep(0.05)
    time.sleep(0.5)
    load.end()
    answered = next((at for at in load.answered if at > now), inf)
    written = next((at for at, _ in load.written if at > now), inf)
    return answered - now, written - now


def kept_in(url: str) -> list[str]:
    return [str(name) for (name,) in execute(url, "SELECT id FROM answers")]


def summary(load: Load, kept: list[str]) -> str:
    missing = {name for _, name in load.written} - set(kept)
    kinds = dict(Counter(type(error).__name__ for error in load.lost))
    return (
        f"{load.asked} questions answered, to be asked again {kinds}, none waited longer than"
        f" {load.longest_s:.2f} s; {len(load.written)} written, {len(missing)} lost"
    )


JOURNAL_OF_JOBS = (
    "CREATE TABLE done (id text)",
    """
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO done VALUES (NEW.id); RETURN NULL; END'
    """,
    """
    CREATE TRIGGER note AFTER UPDATE OF done_at ON jobs FOR EACH ROW EXECUTE FUNCTION note()
    """,
)


@pytest.fixture
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """They run out in an outage, so that two may work on one job."""
    monkeypatch.setitem(Worker.__init__.__kwdefaults__, "lease_s", 1.0)


@pytest.mark.long
@pytest.mark.usefixtures("short_leases")
@outages
def test_jobs_go_on_after_an_outage_and_each_is_done_once(
    engine: Engine,
    settings: IndexSettings,
    between: Proxy,
    postgres_url: str,
    outage: Callable[[Proxy], None],
) -> None:
    for statement in JOURNAL_OF_JOBS:
        execute(postgres_url, statement)
    with (
        working(engine, settings, threads=2),
        QueuedEngine.open(settings, embedder=NeverAsked()) as asker,
    ):
        load = Load(asker, deadline_s=10)
        time.sleep(0.5)
        outage(between)
        time.sleep(OUTAGE_S)
        between.heal()
        answered_s, _ = back_after(load)
        done = [name for (name,) in execute(postgres_url, "SELECT id FROM done")]
        kept = kept_in(postgres_url)
        print(
            f"\n{outage.__name__}, by workers: {summary(load, kept)};"
            f" answered again after {answered_s:.2f} s; {len(done)} jobs done"
        )
        assert [error for error in load.lost if not isinstance(error, TryAgain)] == []
        assert load.longest_s < 10
        assert answered_s < 5
        assert len(set(done)) == len(done) >= load.asked
        assert {name for _, name in load.written} <= set(kept)
        until = time.monotonic() + 10
        while execute(postgres_url, "SELECT count(*) FROM jobs WHERE done_at IS NULL") != [(0,)]:
            assert time.monotonic() < until, "a job was left behind"
            time.sleep(0.1)


# Full

OUT_OF_SPACE = r"is out of space .*make room on its disk and try again"


@pytest.fixture
def small() -> Iterator[tuple[str, Path]]:
    """A database on a small disk of its own, and that disk; its log is elsewhere."""
    with server() as one, small_disk(one.data.parent / "small", 32) as disk:
        execute(one.url(), f"CREATE TABLESPACE small LOCATION '{disk}'")
        execute(one.url(), "CREATE DATABASE small TABLESPACE small")
        yield one.url(database="small"), disk
        one.stop()


@contextmanager
def asked_throughout(engine: Engine) -> Iterator[None]:
    """Every question that is asked meanwhile must be answered, and rightly."""
    ends = threading.Event()

    def ask() -> int:
        for n in itertools.count():
            if ends.is_set():
                return n
            assert told(engine) == "The king has gold."
        raise AssertionError

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        try:
            yield
        finally:
            ends.set()
        print(f"\n{asking.result()} questions answered throughout", end="")


def rows_in(url: str) -> dict[str, int]:
    """How many rows each table has, but for the journal's."""
    found = execute(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    tables = [str(name) for (name,) in found if name != "answers"]
    counts = [execute(url, f"SELECT count(*) FROM {name}")[0][0] for name in tables]
    return dict(zip(tables, map(int, map(str, counts)), strict=True))


def record_on(engine: Engine, answer: Answer, written: list[str]) -> None:
    """Until there is no room, of which the last page of a table may still hold some."""
    for _ in range(1000):
        record = engine.journal.record(LOCAL, 7, answer)
        written.append(record.id)


def article(number: int, sentences: int) -> bytes:
    return b" ".join(
        b"The doctor has apple %d of %d, and word%d." % (n, number, n) for n in range(sentences)
    )


def test_a_full_disk_stops_what_is_written_alone_and_only_while_it_is_full(
    small: tuple[str, Path], tmp_path: Path, embedder: WordEmbedder
) -> None:
    url, disk = small
    with Engine.open(
        IndexSettings(data_dir=tmp_path, database_url=url), embedder=embedder
    ) as engine:
        engine.add(LOCAL, TALE)
        answer = engine.ask(LOCAL, "Who has gold?", threshold=0)
        written: list[str] = []
        before = rows_in(url)
        with asked_throughout(engine):
            filler = fill(disk)
            for _ in range(2):
                with pytest.raises(StorageError, match=OUT_OF_SPACE):
                    engine.add(LOCAL, article(0, 1000))
                assert rows_in(url) == before
                assert engine.verify(LOCAL).problems == ()
            with pytest.raises(StorageError, match=OUT_OF_SPACE):
                record_on(engine, answer, written)
            filler.unlink()
            engine.add(LOCAL, article(0, 1000))
            written.append(engine.journal.record(LOCAL, 7, answer).id)
        assert engine.verify(LOCAL).problems == ()
        found = engine.ask(LOCAL, "Has the doctor apple 5 of 0?", threshold=0)
        assert found.text is not None
        assert "apple 5 of 0" in found.text
        assert sorted(kept_in(url)) == sorted(written)


def test_a_disk_that_fills_up_between_storing_and_indexing_leaves_the_last_index(
    small: tuple[str, Path], tmp_path: Path, embedder: WordEmbedder
) -> None:
    url, disk = small
    settings = IndexSettings(data_dir=tmp_path, database_url=url)
    with Engine.open(settings, embedder=embedder) as engine:
        engine.add(LOCAL, TALE)
        before = rows_in(url)
        with asked_throughout(engine):
            filler = fill(disk, leave_kb=160)
            with pytest.raises(StorageError, match=OUT_OF_SPACE):
                engine.add(LOCAL, article(0, 300))
            after = rows_in(url)
            assert {name for name in after if after[name] > before[name]} == {
                "articles",
                "versions",
                "vectors",
            }
            assert [one.id for one in engine.articles(LOCAL)] == [1, 2]
            found = engine.ask(LOCAL, "Has the doctor apple 5 of 0?", threshold=0)
            assert found.text == "A storm took the doctor."
            filler.unlink()
            engine.add(LOCAL, article(0, 300))
        assert [one.id for one in engine.articles(LOCAL)] == [1, 2]
        assert engine.verify(LOCAL).problems == ()


def test_a_process_that_starts_then_answers_from_the_last_index_too(
    small: tuple[str, Path], tmp_path: Path, embedder: WordEmbedder
) -> None:
    url, disk = small
    settings = IndexSettings(data_dir=tmp_path, database_url=url)
    with Engine.open(settings, embedder=embedder) as engine:
        engine.add(LOCAL, TALE)
        fill(disk, leave_kb=160)
        with pytest.raises(StorageError, match=OUT_OF_SPACE):
            engine.add(LOCAL, article(0, 300))
    with Engine.open(settings, embedder=embedder) as engine:
        assert told(engine) == "The king has gold."


def test_a_refusal_to_connect_for_want_of_space_is_told_as_that() -> None:
    error = psycopg.OperationalError(
        "connection failed: FATAL:  could not write init file: No space left on device"
    )
    told = database_module.PostgresDatabase("postgresql://me@one/library")._told(error, error)
    assert type(told) is StorageError


@pytest.fixture
def logs_apart() -> Iterator[tuple[Server, Path]]:
    """A server whose log of changes has a small disk of its own, and that disk."""
    with home() as (programs, folder), small_disk(folder / "log", 40) as disk:
        one = Server(programs, folder / "primary", free_port())
        one.create()
        subprocess.run(["mv", one.data / "pg_wal", disk / "pg_wal"], check=True)
        (one.data / "pg_wal").symlink_to(disk / "pg_wal")
        try:
            one.start()
            yield one, disk
        finally:
            one.stop()


def use_up_log(server: Server) -> None:
    """Leave the rest of each of its files empty, until there is no room for the next."""
    for _ in range(10):
        execute(server.url(), "SELECT pg_switch_wal()")


@pytest.mark.long
def test_a_server_that_dies_of_a_full_log_loses_nothing(
    logs_apart: tuple[Server, Path], tmp_path: Path, embedder: WordEmbedder
) -> None:
    alone, disk = logs_apart
    settings = IndexSettings(data_dir=tmp_path, database_url=alone.url())
    with Engine.open(settings, embedder=embedder) as engine:
        engine.add(LOCAL, TALE)
        load = Load(engine, deadline_s=DEADLINE_S)
        time.sleep(0.5)
        filler = fill(disk)
        with pytest.raises(psycopg.OperationalError):
            use_up_log(alone)
        time.sleep(OUTAGE_S)
        assert alone.has_ended
        filler.unlink()
        alone.kill()
        alone.start()
        answered_s, written_s = back_after(load)
        kept = kept_in(alone.url())
        print(
            f"\na full log: {summary(load, kept)}; answered again after {answered_s:.2f} s,"
            f" written after {written_s:.2f} s"
        )
        assert [error for error in load.lost if not isinstance(error, TryAgain)] == []
        assert load.longest_s < CONNECT_S + LATE_S
        assert max(answered_s, written_s) < 5
        assert {name for _, name in load.written} <= set(kept)
        assert len(kept) <= len(load.written) + load.unsure
        assert engine.verify(LOCAL).problems == ()
