"""Turns among processes: real PostgreSQL, and a connection of its own for each who waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from index import Engine, LibraryBusy
from index.catalogue import Catalogue
from index.postgres.database import PostgresDatabase
from index.postgres.turns import Turns

EVERY_S = 0.2
LONG_S = 60.0


@pytest.fixture
def turns_of(postgres_url: str) -> Iterator[Callable[[], Turns]]:
    """Makes the turns of one more process."""
    opened: list[PostgresDatabase] = []

    def one() -> Turns:
        opened.append(PostgresDatabase.open(postgres_url))
        return Turns(opened[-1])

    yield one
    for database in opened:
        database.close()


def slots(turns: Turns, bucket: int, count: int) -> list[tuple[float, float]]:
    """Between what two moments each slot lies, one taken after the other."""
    came = []
    for _ in range(count):
        asked = time.monotonic()
        wait_s = turns.slot(bucket, every_s=EVERY_S, within_s=LONG_S)
        came.append((asked + wait_s, time.monotonic() + wait_s))
        time.sleep(wait_s)
    return came


def test_slots_of_a_bucket_keep_their_distance_whoever_takes_them(
    turns_of: Callable[[], Turns],
) -> None:
    with ThreadPoolExecutor(4) as pool:
        taken = [pool.submit(slots, turns_of(), 0, 4) for _ in range(4)]
        came = sorted(at for one in taken for at in one.result())
    gaps = [latest - earliest for (earliest, _), (_, latest) in pairwise(came)]
    assert len(gaps) == 15
    assert min(gaps) >= EVERY_S
    assert came[-1][0] - came[0][0] == pytest.approx(15 * EVERY_S, abs=1.5)


def test_those_who_take_the_first_slots_at_once_get_one_each(
    turns_of: Callable[[], Turns],
) -> None:
    with ThreadPoolExecutor(8) as pool:
        asked = [
            pool.submit(turns_of().slot, 7, every_s=100.0, within_s=10_000.0) for _ in range(8)
        ]
        waits = sorted(one.result() for one in asked)
    assert [round(wait_s / 100) for wait_s in waits] == list(range(8))


def test_buckets_do_not_wait_for_each_other(turns_of: Callable[[], Turns]) -> None:
    one, other = turns_of(), turns_of()
    assert one.slot(0, every_s=10.0, within_s=LONG_S) == 0
    assert other.slot(1, every_s=10.0, within_s=LONG_S) == 0
    assert other.slot(0, every_s=10.0, within_s=LONG_S) == pytest.approx(10, abs=1)


def test_a_bucket_that_was_left_alone_owes_nobody_a_wait(turns_of: Callable[[], Turns]) -> None:
    turns = turns_of()
    turns.slot(0, every_s=0.05, within_s=LONG_S)
    time.sleep(0.1)
    assert turns.slot(0, every_s=0.05, within_s=LONG_S) == 0


def test_a_slot_that_is_too_far_away_is_not_taken(turns_of: Callable[[], Turns]) -> None:
    turns = turns_of()
    turns.slot(0, every_s=10.0, within_s=5.0)
    for _ in range(3):
        with pytest.raises(LibraryBusy, match="many wait for their turn"):
            turns.slot(0, every_s=10.0, within_s=5.0)
    assert turns.slot(0, every_s=10.0, within_s=LONG_S) == pytest.approx(10, abs=1)


def test_what_was_registered_is_known_to_all(turns_of: Callable[[], Turns]) -> None:
    one, other = turns_of(), turns_of()
    assert other.registered("7:global") == ""
    one.register("7:global", "a")
    one.register("7:5", "b")
    assert (other.registered("7:global"), other.registered("7:5")) == ("a", "b")
    other.register("7:global", "c")
    assert one.registered("7:global") == "c"


def test_one_is_alone_with_a_name_and_others_are_told_so(turns_of: Callable[[], Turns]) -> None:
    one, other = turns_of(), turns_of()
    with one.alone("cleaning"):
        with (
            pytest.raises(LibraryBusy, match="another process is cleaning"),
            other.alone("cleaning"),
        ):
            pass
        with other.alone("refreshing"):
            pass
    with other.alone("cleaning"):
        pass


def test_whoever_waits_long_enough_is_alone_afterwards(turns_of: Callable[[], Turns]) -> None:
    one, other = turns_of(), turns_of()

    def wait() -> float:
        with other.alone("registering", 10):
            return time.monotonic()

    with ThreadPoolExecutor(1) as pool:
        with one.alone("registering"):
            waiting = pool.submit(wait)
            time.sleep(0.2)
            left = time.monotonic()
        assert waiting.result() >= left


def test_there_are_turns_where_processes_share_a_database(
    open_engine: Callable[..., Engine], database_url: str | None
) -> None:
    assert (open_engine().turns is None) == (database_url is None)


def test_a_folder_has_one_process_and_no_turns(tmp_path: Path) -> None:
    catalogue = Catalogue.open(tmp_path)
    assert catalogue.turns is None
    catalogue.close()
