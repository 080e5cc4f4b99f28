"""A bot whose questions are answered by another process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import index.building
from index import Engine, Scope

from .loopback import Discord, until
from .payloads import text
from .process import START_WITHIN_S, BotProcess
from .test_asking import HIS_NAME, MAYOR
from .test_operations import a_free_port, counted, fetched

pytestmark = pytest.mark.long

BUSY = "I have more questions than I can handle right now"


async def test_a_worker_answers_for_the_bot_and_without_one_the_asker_is_told(
    tmp_path: Path, postgres_url: str
) -> None:
    """The two share a folder."""
    address, of_worker = (f"127.0.0.1:{a_free_port()}" for _ in range(2))
    (folder := tmp_path / "shared").mkdir()
    async with (
        Discord() as discord,
        BotProcess(
            discord,
            folder,
            database_url=postgres_url,
            answer_in="workers",
            http_address=address,
        ) as gateway,
        BotProcess(discord, folder, database_url=postgres_url, http_address=of_worker) as worker,
    ):
        worker.program = ("-m", "bot", "work")
        worker.output = tmp_path / "worker.log"
        await worker.launch()
        await gateway.start()
        await until(lambda: "answers questions" in worker.log, START_WITHIN_S)
        assert (await fetched(f"http://{of_worker}/readyz"))[0] == 200
        answer = await discord.answer(await discord.command("ask", question=MAYOR), 60)
        assert HIS_NAME in text(answer)
        _, metrics = await fetched(f"http://{of_worker}/metrics")
        assert counted(metrics, "articlebot_jobs_total", kind="question", outcome="done") == 1
        assert counted(metrics, "articlebot_job_seconds_count", kind="question") == 1
        assert counted(metrics, "articlebot_jobs_waiting", kind="question") == 0
        assert counted(metrics, "process_resident_memory_bytes") > 0

        worker.terminate()
        assert await worker.ended() == 0
        assert "has stopped" in worker.log
        alone = await discord.answer(await discord.command("ask", question=MAYOR), 60)
        assert BUSY in text(alone)
        _, metrics = await fetched(f"http://{address}/metrics")
        assert counted(metrics, "articlebot_jobs_waiting", kind="question") == 1
        assert counted(metrics, "articlebot_jobs_oldest_seconds", kind="question") > 5
        assert counted(metrics, "articlebot_questions_total", outcome="busy") == 1

        worker.output.unlink()
        await worker.launch()
        await until(lambda: "answers questions" in worker.log, START_WITHIN_S)
        await asyncio.sleep(1)  # until what was given up is pruned
        answer = await discord.answer(await discord.command("ask", question=MAYOR), 60)
        assert HIS_NAME in text(answer)

        report = await discord.command_as(discord.owner, "reindex")
        await until(lambda: "Re-indexed" in "".join(map(text, report.shown)), 60)
        _, metrics = await fetched(f"http://{of_worker}/metrics")
        assert counted(metrics, "articlebot_jobs_total", kind="build", outcome="done") == 1
        _, metrics = await fetched(f"http://{address}/metrics")
        memory = counted(metrics, "process_resident_memory_bytes") / 1e6
        print(f"\nthe bot without models takes {memory:.0f} MB")
        assert memory < 250  # a model would take more
        gateway.terminate()
        assert await gateway.ended() == 0
    assert "Traceback" not in gateway.log + worker.log
    assert MAYOR not in gateway.log + worker.log


def test_workers_build_side_by_side_in_one_folder(
    open_engine: Callable[..., Engine], postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a build writes down for itself is its own, for the same scope too."""
    monkeypatch.setattr(index.building, "FLAT_UP_TO", 0)  # vectors go to the disk from the first on
    scopes = (Scope.shared(), Scope.guild(7))
    workers = [open_engine(database_url=postgres_url) for _ in range(3)]

    def add(number: int) -> None:
        for scope in scopes:
            text = f"The king of island {number} has a ship."
            workers[number].add(
                scope, text.encode(), media_type="text/plain", filename=f"{number}.txt"
            )

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(add, range(3)))
    for scope in scopes:
        report = workers[0].verify(scope)
        assert (report.articles, report.problems) == (3, ())
