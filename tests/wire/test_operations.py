"""What the operator's machines see, of a bot that runs as its users run it."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.at_work import AtWork
from bot.doctor import _address
from bot.errors import CannotRun
from bot.operations import served_beside
from index import Engine, Scope
from index.postgres.jobs import Jobs
from tests.postgres import Server, execute

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


async def test_a_worker_is_ready_with_its_models_loaded_and_until_it_shall_end(
    open_engine: Callable[..., Engine], postgres_url: str
) -> None:
    present, url = AtWork(stop := threading.Event()), f"http://127.0.0.1:{(port := a_free_port())}"

    async def ready() -> tuple[int, dict[str, str]]:
        status, told = await fetched(f"{url}/readyz")
        return status, json.loads(told)["checks"]

    with served_beside(("127.0.0.1", port), present):
        assert await fetched(f"{url}/livez") == (200, "ok\n")
        loading = {"models": "loading", "database": "not asked yet", "jobs": "ok"}
        assert await ready() == (503, loading)
        assert counted((await fetched(f"{url}/metrics"))[1], "articlebot_ready") == 0
        present.engine = open_engine(database_url=postgres_url)
        assert await ready() == (200, {"models": "ok", "database": "ok", "jobs": "ok"})
        assert counted((await fetched(f"{url}/metrics"))[1], "articlebot_ready") == 1
        stop.set()
        assert await ready() == (503, {"models": "ok", "database": "ok", "jobs": "ending"})
    with pytest.raises(aiohttp.ClientConnectorError):
        await fetched(f"{url}/livez")


async def test_a_worker_counts_its_jobs_and_those_that_wait(
    open_engine: Callable[..., Engine], postgres_url: str
) -> None:
    present, port = AtWork(threading.Event()), a_free_port()
    present.engine = open_engine(database_url=postgres_url)

    async def told() -> str:
        return (await fetched(f"http://127.0.0.1:{port}/metrics"))[1]

    def of_builds(found: str) -> list[float]:
        ended = [
            counted(found, "articlebot_jobs_total", kind="build", outcome=outcome)
            for outcome in ("done", "failed")
        ]
        return [*ended, counted(found, "articlebot_job_seconds_sum", kind="build")]

    with served_beside(("127.0.0.1", port), present), Jobs.open(postgres_url) as queue:
        before = of_builds(await told())
        present.told("build", True, 2.5)
        present.told("build", False, 4.0)
        queue.put(Scope.shared(), "build", {}, 60)
        await asyncio.sleep(0.1)
        found = await told()
        assert [a - b for a, b in zip(of_builds(found), before, strict=True)] == [1, 1, 6.5]
        assert counted(found, "articlebot_jobs_waiting", kind="build") == 1
        assert 0.1 <= counted(found, "articlebot_jobs_oldest_seconds", kind="build") < 20
        assert counted(found, "articlebot_jobs_waiting", kind="question") == 0
        job = queue.take("me", 60, {"build"})
        assert job is not None
        assert counted(await told(), "articlebot_jobs_waiting", kind="build") == 0


async def test_a_worker_without_its_database_is_not_ready(
    open_engine: Callable[..., Engine], postgres_url: str, postgres: Server
) -> None:
    present, port = AtWork(threading.Event()), a_free_port()
    present.engine = open_engine(database_url=postgres_url)
    name = postgres_url.rpartition("/")[2]
    with served_beside(("127.0.0.1", port), present):
        execute(postgres.url(), f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        execute(
            postgres.url(),
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
        )
        status, told = await fetched(f"http://127.0.0.1:{port}/readyz")
        assert (status, json.loads(told)["checks"]["database"]) == (503, "does not answer")
        assert (await fetched(f"http://127.0.0.1:{port}/metrics"))[0] == 200
        execute(postgres.url(), f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        assert (await fetched(f"http://127.0.0.1:{port}/readyz"))[0] == 200


def test_a_worker_whose_address_is_taken_is_told_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = taken.getsockname()
        threads = threading.active_count()
        with (
            pytest.raises(CannotRun, match=f"HTTP_ADDRESS 127.0.0.1:{address[1]} cannot be used"),
            served_beside(address, AtWork(threading.Event())),
        ):
            pass
    assert threading.active_count() == threads
