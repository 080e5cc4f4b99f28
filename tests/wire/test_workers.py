"""A bot whose questions are answered by another process."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from .loopback import Discord, until
from .payloads import text
from .process import START_WITHIN_S, BotProcess
from .test_asking import HIS_NAME, MAYOR
from .test_operations import a_free_port, counted, fetched

pytestmark = pytest.mark.long

BUSY = "I have more questions than I can handle right now"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    gateway, worker = tmp_path / "gateway", tmp_path / "worker"
    gateway.mkdir()
    worker.mkdir()
    return gateway, worker


async def test_a_worker_answers_for_the_bot_and_without_one_the_asker_is_told(
    folders: tuple[Path, Path], postgres_url: str
) -> None:
    address = f"127.0.0.1:{a_free_port()}"
    async with (
        Discord() as discord,
        BotProcess(
            discord,
            folders[0],
            database_url=postgres_url,
            answer_in="workers",
            http_address=address,
        ) as gateway,
        BotProcess(discord, folders[1], database_url=postgres_url) as worker,
    ):
        worker.program = ("-m", "bot", "work")
        await worker.launch()
        await gateway.start()
        await until(lambda: "answers questions" in worker.log, START_WITHIN_S)
        answer = await discord.answer(await discord.command("ask", question=MAYOR), 60)
        assert HIS_NAME in text(answer)

        worker.terminate()
        assert await worker.ended() == 0
        assert "has stopped" in worker.log
        alone = await discord.answer(await discord.command("ask", question=MAYOR), 60)
        assert BUSY in text(alone)
        _, metrics = await fetched(f"http://{address}/metrics")
        assert counted(metrics, "articlebot_jobs_waiting") == 1
        assert counted(metrics, "articlebot_jobs_oldest_seconds") > 5
        assert counted(metrics, "articlebot_questions_total", outcome="busy") == 1

        worker.output.unlink()
        await worker.launch()
        await until(lambda: "answers questions" in worker.log, START_WITHIN_S)
        await asyncio.sleep(1)  # until what was given up is pruned
        answer = await discord.answer(await discord.command("ask", question=MAYOR), 60)
        assert HIS_NAME in text(answer)
        memory = counted(metrics, "process_resident_memory_bytes") / 1e6
        print(f"\nthe bot without models takes {memory:.0f} MB")
        gateway.terminate()
        assert await gateway.ended() == 0
    assert "Traceback" not in gateway.log + worker.log
    assert MAYOR not in gateway.log + worker.log
