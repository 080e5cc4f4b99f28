"""Blocking work runs away from the event loop, in bounds, and ends in a typed way."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable

import pytest

from bot.errors import Overloaded, ShuttingDown, TookTooLong
from bot.offload import Offload

from .stand_in import until


@pytest.fixture
def gate() -> AsyncIterator[threading.Event]:
    gate = threading.Event()
    yield gate
    gate.set()


def holding(gate: threading.Event, name: str, began: list[str]) -> Callable[[object], str]:
    def work(_: object) -> str:
        began.append(name)
        assert gate.wait(10)
        return name

    return work


async def test_work_runs_on_another_thread_and_its_value_comes_back() -> None:
    offload = Offload(workers=1, queue_limit=0, deadline_s=5)
    assert await offload.run(lambda _: threading.current_thread().name) == "work_0"
    assert threading.current_thread().name != "work_0"
    assert await offload.close(1)


async def test_the_event_loop_turns_while_work_blocks() -> None:
    offload = Offload(workers=1, queue_limit=0, deadline_s=5)
    job = asyncio.create_task(offload.run(lambda _: time.sleep(0.2)))
    turns = 0
    while not job.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 20
    assert await offload.close(1)


async def test_an_error_of_the_work_reaches_its_caller_even_a_timeout_error() -> None:
    def work(_: object) -> None:
        raise TimeoutError("disk")

    offload = Offload(workers=1, queue_limit=0, deadline_s=5)
    with pytest.raises(TimeoutError, match="disk"):
        await offload.run(work)
    assert await offload.close(1)


async def test_more_than_workers_and_queue_is_overload_and_later_work_is_welcome_again(
    gate: threading.Event,
) -> None:
    began: list[str] = []
    offload = Offload(workers=1, queue_limit=2, deadline_s=5)
    jobs = [asyncio.create_task(offload.run(holding(gate, n, began))) for n in "abc"]
    await until(lambda: began == ["a"])
    assert offload.backlog == 3
    with pytest.raises(Overloaded):
        await offload.run(holding(gate, "d", began))
    gate.set()
    assert await asyncio.gather(*jobs) == ["a", "b", "c"]
    assert began == ["a", "b", "c"]
    assert await offload.run(lambda _: "e") == "e"
    assert await offload.close(1)


async def test_who_hands_in_much_waits_behind_who_hands_in_little(gate: threading.Event) -> None:
    began: list[str] = []
    offload = Offload(workers=1, queue_limit=20, deadline_s=5)
    handed_in = [("a1", "a"), ("a2", "a"), ("a3", "a"), ("a4", "a"), ("b1", "b"), ("c1", "c")]
    jobs = []
    for name, turn in (*handed_in, ("b2", "b")):
        jobs.append(asyncio.create_task(offload.run(holding(gate, name, began), turn=turn)))
        await asyncio.sleep(0)
    await until(lambda: began == ["a1"])
    jobs[2].cancel()
    await asyncio.wait({jobs[2]})
    gate.set()
    done = await asyncio.gather(*jobs, return_exceptions=True)
    assert sum(isinstance(outcome, str) for outcome in done) == 6
    assert began == ["a1", "a2", "b1", "c1", "b2", "a4"]
    assert await offload.close(1)


async def test_work_over_its_deadline_takes_too_long_and_what_waited_behind_it_never_runs(
    gate: threading.Event,
) -> None:
    began: list[str] = []
    offload = Offload(workers=1, queue_limit=5, deadline_s=0.05)
    jobs = [asyncio.create_task(offload.run(holding(gate, n, began))) for n in "ab"]
    outcomes = await asyncio.gather(*jobs, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [TookTooLong, TookTooLong]
    assert offload.backlog == 1, "the running work still holds its worker"
    gate.set()
    assert await offload.close(1)
    assert began == ["a"]


async def test_a_cancelled_question_that_still_waits_never_runs(gate: threading.Event) -> None:
    began: list[str] = []
    offload = Offload(workers=1, queue_limit=5, deadline_s=5)
    jobs = [asyncio.create_task(offload.run(holding(gate, n, began))) for n in "ab"]
    await until(lambda: began == ["a"])
    jobs[1].cancel()
    with pytest.raises(asyncio.CancelledError):
        await jobs[1]
    gate.set()
    assert await jobs[0] == "a"
    assert await offload.close(1)
    assert began == ["a"]


async def test_work_is_told_how_much_of_its_deadline_the_queue_has_left_it(
    gate: threading.Event,
) -> None:
    began: list[str] = []
    offload = Offload(workers=1, queue_limit=5, deadline_s=5)
    first = asyncio.create_task(offload.run(holding(gate, "a", began)))
    second = asyncio.create_task(offload.run(lambda left_s: left_s))
    await asyncio.sleep(0.1)
    gate.set()
    left_s = await second
    assert await first == "a"
    assert left_s is not None
    assert 4 < left_s < 4.95
    assert await offload.close(1)


async def test_work_without_a_deadline_is_told_none() -> None:
    offload = Offload(workers=1, queue_limit=0, deadline_s=None)
    assert await offload.run(lambda left_s: left_s) is None
    assert await offload.close(1)


async def test_closing_waits_for_the_accepted_work_and_refuses_new() -> None:
    offload = Offload(workers=1, queue_limit=5, deadline_s=5)
    jobs = [asyncio.create_task(offload.run(lambda _: time.sleep(0.05))) for _ in range(2)]
    await asyncio.sleep(0)
    assert await offload.close(5)
    assert await asyncio.gather(*jobs) == [None, None]
    with pytest.raises(ShuttingDown):
        await offload.run(lambda _: None)


async def test_closing_gives_up_when_its_patience_ends_and_drops_what_waits(
    gate: threading.Event,
) -> None:
    began: list[str] = []
    offload = Offload(workers=1, queue_limit=5, deadline_s=5)
    jobs = [asyncio.create_task(offload.run(holding(gate, n, began))) for n in "ab"]
    await until(lambda: began == ["a"])
    assert await offload.close(0.01) is False
    gate.set()
    await asyncio.gather(*jobs, return_exceptions=True)
    assert began == ["a"]
