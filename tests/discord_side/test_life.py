"""From start to close against a loopback server: retries, refusals, signals."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import discord
import pytest
import yarl
from aiohttp import web

from bot import client
from bot.client import ArticleBot, BotOptions, run
from bot.errors import BadToken, ConnectionLost, IntentsRefused
from bot.registered import Registered

from .stand_in import StandInEngine, until

ME = {"id": "1", "username": "bot", "discriminator": "0", "avatar": None, "bot": True}
APPLICATION = {
    "id": "1", "name": "bot", "icon": None, "description": "", "summary": "", "bot_public": True,
    "bot_require_code_grant": False, "verify_key": "0", "owner": ME, "flags": 0, "team": None,
}  # fmt: skip


class FakeDiscord:
    """Just enough of Discord to log in to; ``failures`` answers the first logins instead,
    and ``close_code`` ends each gateway session as soon as the bot identifies itself.
    """

    def __init__(self) -> None:
        self.failures: list[int] = []
        self.close_code: int | None = None
        self.gateway_failures = 0
        self.logins = 0
        self.identified = asyncio.Event()
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        match request.path.removeprefix("/api/v10"):
            case "/users/@me":
                self.logins += 1
                status = self.failures.pop(0) if self.failures else 200
                return _json({"message": "no", "code": 0} if status != 200 else ME, status)
            case "/oauth2/applications/@me":
                return _json(APPLICATION)
            case "/applications/1/commands":
                return _json([])
            case "/gateway/bot":
                return self.gateway_bot()
            case _:
                return await self.gateway(request)

    def gateway_bot(self) -> web.Response:
        if self.gateway_failures:
            self.gateway_failures -= 1
            return _json({"message": "no", "code": 0}, 503)
        limit = {"total": 1000, "remaining": 999, "reset_after": 0, "max_concurrency": 1}
        return _json({"url": f"{self.url}/gw", "shards": 1, "session_start_limit": limit})

    async def gateway(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": 41250}, "s": None, "t": None})
        async for frame in socket:
            operation = json.loads(frame.data)["op"]
            if operation == 1:
                await socket.send_json({"op": 11, "d": None, "s": None, "t": None})
            elif operation == 2 and self.close_code is not None:
                await socket.close(code=self.close_code)
            elif operation == 2:
                await socket.send_json({"op": 0, "d": self.ready(), "s": 1, "t": "READY"})
                self.identified.set()
        return socket

    def ready(self) -> dict[str, Any]:
        return {
            "v": 10, "user": ME, "guilds": [], "session_id": "s", "shard": [0, 1],
            "resume_gateway_url": f"{self.url}/gw", "application": {"id": "1", "flags": 0},
        }  # fmt: skip


def _json(body: Any, status: int = 200) -> web.Response:
    return web.Response(
        body=json.dumps(body), status=status, headers={"Content-Type": "application/json"}
    )


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeDiscord]:
    fake = FakeDiscord()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", fake.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    fake.url = f"ws://127.0.0.1:{port}"
    monkeypatch.setattr(discord.http.Route, "BASE", f"http://127.0.0.1:{port}/api/v10")
    monkeypatch.setattr(
        discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(f"{fake.url}/gw")
    )
    monkeypatch.setattr(client, "FIRST_RETRY_S", 0.01)
    yield fake
    await runner.cleanup()


@pytest.fixture
def make_bot(engine: StandInEngine, tmp_path: Path) -> Callable[[], ArticleBot]:
    return lambda: ArticleBot(engine, BotOptions(data_dir=tmp_path))  # type: ignore[arg-type]


async def test_a_wrong_token_is_one_line_with_the_cure(
    server: FakeDiscord, make_bot: Callable[[], ArticleBot]
) -> None:
    server.failures = [401]
    with pytest.raises(BadToken, match=r"^Discord refused the token: .* set DISCORD_TOKEN\.$"):
        await run(make_bot, "wrong")
    assert server.logins == 1


async def test_while_discord_is_down_at_first_the_bot_tries_again_until_it_is_up(
    server: FakeDiscord, make_bot: Callable[[], ArticleBot]
) -> None:
    server.failures = [503, 520, 429]
    server.gateway_failures = 1
    running = asyncio.create_task(run(make_bot, "token"))
    async with asyncio.timeout(10):
        await server.identified.wait()
    assert server.logins == 5
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(10):
        await running


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_bot_in_order(
    server: FakeDiscord, make_bot: Callable[[], ArticleBot], number: signal.Signals
) -> None:
    running = asyncio.create_task(run(make_bot, "token"))
    async with asyncio.timeout(10):
        await server.identified.wait()
        os.kill(os.getpid(), number)
        await running


async def test_a_signal_ends_the_wait_for_discord_too(
    server: FakeDiscord,
    make_bot: Callable[[], ArticleBot],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(client, "FIRST_RETRY_S", 60.0)
    server.failures = [503]
    running = asyncio.create_task(run(make_bot, "token"))
    await until(lambda: "next try" in caplog.text)
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(10):
        await running
    assert server.logins == 1


@pytest.mark.parametrize(
    ("close_code", "error"), [(4004, BadToken), (4014, IntentsRefused), (4013, ConnectionLost)]
)
async def test_what_the_gateway_refuses_is_raised_by_name(
    server: FakeDiscord,
    make_bot: Callable[[], ArticleBot],
    close_code: int,
    error: type[Exception],
) -> None:
    server.close_code = close_code
    async with asyncio.timeout(10):
        with pytest.raises(error):
            await run(make_bot, "token")


async def test_draining_waits_for_the_answers_under_way_and_no_longer_than_allowed(
    engine: StandInEngine, tmp_path: Path
) -> None:
    bot = ArticleBot(engine, BotOptions(data_dir=tmp_path, drain_s=0.05))  # type: ignore[arg-type]
    with bot.answering():
        assert await bot.drain() is False
    assert await bot.drain() is True
    assert bot.closing


def test_a_bot_that_ends_while_it_registers_its_commands_leaves_no_thread_waiting(
    make_bot: Callable[[], ArticleBot], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, stopped, before = threading.Event(), threading.Event(), {*threading.enumerate()}

    def hold(*_: object) -> bool:
        looks.set()
        assert stopped.wait(10)
        return False

    async def end_while_it_looks() -> None:
        async with make_bot() as bot:
            bot._connection.application_id = 1
            registering = asyncio.create_task(bot.sync_commands())
            await until(looks.is_set)
            await bot.drain()
            registering.cancel()

    monkeypatch.setattr(Registered, "holds", hold)
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        loop.run_until_complete(end_while_it_looks())
        stopped.set()  # from here on the loop runs nothing that it is handed
        for thread in {*threading.enumerate()} - before:
            thread.join(5)
            assert not thread.is_alive(), thread.name


async def test_a_bot_that_ends_while_discord_takes_its_time_does_not_wait_for_it(
    make_bot: Callable[[], ArticleBot], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, sending = {*threading.enumerate()}, asyncio.Event()

    async def never(*_: object, **__: object) -> None:
        sending.set()
        await asyncio.sleep(60)

    async with make_bot() as bot:
        bot._connection.application_id = 1
        monkeypatch.setattr(bot.tree, "sync", never)
        registering = asyncio.create_task(bot.sync_commands())
        async with asyncio.timeout(10):
            await sending.wait()
        await bot.drain()
        registering.cancel()
    (worker,) = (t for t in {*threading.enumerate()} - before if t.name.startswith("chore"))
    await asyncio.to_thread(worker.join, 5)
    assert not worker.is_alive()
