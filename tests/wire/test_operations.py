"""What the operator's machines see, of a bot that runs as its users run it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from bot.doctor import _address

from .loopback import HARBOUR, Discord, until
from .payloads import text
from .process import BotProcess
from .test_asking import HIS_NAME, MAYOR


def a_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


async def fetched(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as reply:
        return reply.status, await reply.text()


def counted(metrics: str, name: str, **labels: str) -> float:
    """The one sample of that name and those labels."""
    found = [
        sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    assert len(found) == 1, (name, labels, found)
    return found[0]


async def test_health_and_metrics_tell_what_is_so_and_the_log_never_what_was_asked(
    data_folder: Callable[[], Path],
) -> None:
    url = f"http://127.0.0.1:{(port := a_free_port())}"
    async with (
        Discord() as discord,
        BotProcess(
            discord, data_folder(), http_address=f"127.0.0.1:{port}", log_format="json"
        ) as process,
    ):
        await process.start()
        await until(lambda: "ready as" in process.log)
        assert await fetched(f"{url}/livez") == (200, "ok\n")
        status, told = await fetched(f"{url}/readyz")
        assert (status, json.loads(told)) == (
            200,
            {"ready": True, "checks": {"discord": "ok", "queue": "ok", "library": "ok"}},
        )
        answer = await discord.answer(await discord.command("ask", question=MAYOR))
        assert HIS_NAME in text(answer)
        await discord.answer(await discord.command("ask", question="Who is the king of Norway?"))
        _, metrics = await fetched(f"{url}/metrics")
        assert counted(metrics, "articlebot_questions_total", outcome="answered") == 1
        assert counted(metrics, "articlebot_questions_total", outcome="declined") == 1
        assert counted(metrics, "articlebot_questions_total", outcome="failed") == 0
        assert counted(metrics, "articlebot_question_seconds_count") == 2
        assert counted(metrics, "articlebot_ready") == 1
        assert counted(metrics, "articlebot_guilds") == len(discord.channels)
        assert counted(metrics, "articlebot_backlog", queue="questions") == 0
        assert counted(metrics, "process_resident_memory_bytes") > 0

        lines = [json.loads(line) for line in process.log.splitlines()]
        (first, second) = (line for line in lines if line["message"] == "a question was answered")
        assert (first["guild"], first["shard"], first["kind"]) == (HARBOUR, 0, "span")
        assert first["request"] != second["request"]
        told = await asyncio.to_thread(_address, "127.0.0.1", port)
        assert (told.state, "already" in told.told) == ("ok", True)
        assert MAYOR not in process.log
        assert "Norway" not in process.log

        process.terminate()
        await process.ended()
        assert "Traceback" not in process.log


async def test_until_there_is_a_session_it_lives_and_is_not_ready(
    data_folder: Callable[[], Path],
) -> None:
    port = a_free_port()
    url = f"http://127.0.0.1:{port}"
    async with Discord() as discord:
        gone = discord.gateway.url
        discord.gateway.url = "ws://127.0.0.1:9/gateway"  # nobody listens there
        async with BotProcess(discord, data_folder(), http_address=f"127.0.0.1:{port}") as process:
            await process.launch()
            await until(lambda: "serving /livez" in process.log or not process.is_running, 60)
            assert (await fetched(f"{url}/livez"))[0] == 200
            status, told = await fetched(f"{url}/readyz")
            assert (status, json.loads(told)["ready"]) == (503, False)
            assert json.loads(told)["checks"]["discord"] == "no session"
            discord.gateway.url = gone


async def test_a_second_bot_on_the_same_folder_is_refused(
    data_folder: Callable[[], Path],
) -> None:
    data = data_folder()
    async with Discord() as discord, BotProcess(discord, data) as first:
        await first.start()
        second = BotProcess(discord, data, log_format="json")
        second.output = data.with_suffix(".second.log")
        await second.launch()
        assert await second.ended() == 4
        assert first.is_running
    last = json.loads(second.log.splitlines()[-1])
    assert (last["level"], last["exit_code"]) == ("CRITICAL", 4)
    assert "another article-bot answers" in last["message"]


async def test_an_address_that_is_taken_ends_the_bot_with_its_reason(
    data_folder: Callable[[], Path],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        async with Discord() as discord:
            process = BotProcess(discord, data_folder(), http_address=address)
            await process.launch()
            assert await process.ended() == 5
    assert f"HTTP_ADDRESS {address} cannot be used" in process.log
