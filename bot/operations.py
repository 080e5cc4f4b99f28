"""What an operator's machines ask by HTTP: /livez, /readyz and /metrics.

Off unless ``HTTP_ADDRESS`` is set. It tells no secret, but whoever may reach it is the
operator's to decide: behind no other address than this machine's, unless told otherwise.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from bot.errors import BotError, CannotRun
from bot.metrics import jobs_oldest, jobs_waiting, registered
from index import EngineError, Scope

if TYPE_CHECKING:
    from bot.client import ArticleBot

log = logging.getLogger(__name__)

LIBRARY_WITHIN_S = 2.0


@asynccontextmanager
async def served(
    address: tuple[str, int] | None, bot: Callable[[], ArticleBot | None]
) -> AsyncIterator[None]:
    """Serve on ``address`` while inside; None: not at all. CannotRun when it is taken."""
    if address is None:
        yield
        return
    with registered(bot) as registry:
        app = web.Application()
        app["bot"], app["registry"] = bot, registry
        app.add_routes(
            [
                web.get("/livez", _livez),
                web.get("/readyz", _readyz),
                web.get("/metrics", _metrics),
            ]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await _listen(runner, *address)
            yield
        finally:
            await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise CannotRun(f"HTTP_ADDRESS {host}:{port} cannot be used: {error}.") from error
    log.info("serving /livez, /readyz and /metrics on %s:%d", host, port)


async def _livez(_: web.Request) -> web.Response:
    # That this was answered says that the loop runs; the rest is no reason to be restarted.
    return web.Response(text="ok\n")


async def _readyz(request: web.Request) -> web.Response:
    bot: ArticleBot | None = request.app["bot"]()
    checks = {"discord": _discord(bot), "queue": _queue(bot), "library": await _library(bot)}
    ready = all(found == "ok" for found in checks.values())
    return web.Response(
        text=json.dumps({"ready": ready, "checks": checks}) + "\n",
        content_type="application/json",
        status=200 if ready else 503,
    )


def _discord(bot: ArticleBot | None) -> str:
    if bot is None or not bot.is_ready():
        return "no session"
    return "closing" if bot.closing else "ok"


def _queue(bot: ArticleBot | None) -> str:
    return "ok" if bot is None or bot.closing or bot.questions.has_room else "full"


async def _library(bot: ArticleBot | None) -> str:
    if bot is None:
        return "ok"
    try:
        async with asyncio.timeout(LIBRARY_WITHIN_S):
            await bot.lookups.run(lambda _: bot.engine.articles(Scope.shared()))
    except (EngineError, TimeoutError) as error:
        log.warning("the library does not answer: %s", error)
        return "does not answer"
    except Exception as error:  # noqa: BLE001 - a full or closing queue says nothing about it
        log.debug("the library was not asked: %s", error)
    return "ok"


async def _metrics(request: web.Request) -> web.Response:
    registry: CollectorRegistry = request.app["registry"]
    await _count_jobs(request.app["bot"]())
    return web.Response(
        body=generate_latest(registry),
        headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
    )


async def _count_jobs(bot: ArticleBot | None) -> None:
    """Where workers answer; what cannot be told just now stays as it was."""
    waiting = getattr(bot and bot.engine, "waiting", None)
    if bot is None or waiting is None:
        return
    try:
        async with asyncio.timeout(LIBRARY_WITHIN_S):
            found = await bot.lookups.run(lambda _: waiting())
    except (EngineError, BotError, TimeoutError) as error:
        log.warning("the waiting questions were not counted: %s", error)
        return
    jobs_waiting.set(found.count)
    jobs_oldest.set(found.oldest_s)
