"""What an operator's machines ask by HTTP: /livez, /readyz and /metrics.

Off unless ``HTTP_ADDRESS`` is set. It tells no secret, but whoever may reach it is the
operator's to decide: behind no other address than this machine's, unless told otherwise.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from importlib.metadata import version
from typing import Any, Protocol, TypeVar

from aiohttp import web
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bot.errors import BotError, CannotRun
from bot.metrics import set_waiting
from index import EngineError

T = TypeVar("T")
Waiting = Mapping[str, tuple[int, float]]

log = logging.getLogger(__name__)

LIBRARY_WITHIN_S = 2.0


class Operated(Protocol):
    """What is told of: the bot on Discord, or a worker. All is asked on the event loop."""

    @property
    def is_ready(self) -> bool:
        """Whether it takes what it is there for."""

    def metrics(self) -> Iterator[Metric]:
        """What is so at the moment of a scrape."""

    async def checks(self) -> dict[str, str]:
        """What it takes to be ready: "ok", or why it is not."""

    async def waiting(self) -> Waiting | None:
        """By kind, how many jobs no worker has begun, and how old the oldest is in seconds; None
        where there is no queue, or nobody to ask.
        """


@asynccontextmanager
async def served(address: tuple[str, int] | None, operated: Operated) -> AsyncIterator[None]:
    """Serve on ``address`` while inside; None: not at all. CannotRun when it is taken."""
    if address is None:
        yield
        return
    with _registered(operated):
        app = web.Application()
        app[_OPERATED] = operated
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


@contextmanager
def served_beside(address: tuple[str, int] | None, operated: Operated) -> Iterator[None]:
    """As ``served``, for a program that has no event loop: on a thread of its own."""
    if address is None:
        yield
        return
    loop, stack = asyncio.new_event_loop(), AsyncExitStack()
    thread = threading.Thread(target=loop.run_forever, name="operations", daemon=True)

    def run(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    thread.start()
    try:
        run(stack.enter_async_context(served(address, operated)))
        yield
    finally:
        try:
            run(stack.aclose())
            run(loop.shutdown_default_executor())
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


async def answers(asked: Awaitable[object]) -> str:
    """What a check tells of the library, by whether this succeeds in time."""
    try:
        async with asyncio.timeout(LIBRARY_WITHIN_S):
            await asked
    except (EngineError, TimeoutError) as error:
        log.warning("the library does not answer: %s", error)
        return "does not answer"
    except Exception as error:  # noqa: BLE001 - a full or closing queue says nothing about it
        log.debug("the library was not asked: %s", error)
    return "ok"


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise CannotRun(f"HTTP_ADDRESS {host}:{port} cannot be used: {error}.") from error
    log.info("serving /livez, /readyz and /metrics on %s:%d", host, port)


_OPERATED: web.AppKey[Operated] = web.AppKey("operated")


async def _livez(_: web.Request) -> web.Response:
    # That this was answered says that the loop runs; the rest is no reason to be restarted.
    return web.Response(text="ok\n")


async def _readyz(request: web.Request) -> web.Response:
    checks = await request.app[_OPERATED].checks()
    ready = all(found == "ok" for found in checks.values())
    return web.Response(
        text=json.dumps({"ready": ready, "checks": checks}) + "\n",
        content_type="application/json",
        status=200 if ready else 503,
    )


async def _metrics(request: web.Request) -> web.Response:
    try:
        async with asyncio.timeout(LIBRARY_WITHIN_S):
            if (waiting := await request.app[_OPERATED].waiting()) is not None:
                set_waiting(waiting)
    except (EngineError, BotError, TimeoutError) as error:
        # What cannot be told just now stays as it was.
        log.warning("the waiting jobs were not counted: %s", error)
    return web.Response(
        body=generate_latest(REGISTRY),
        headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
    )


class _Present(Collector):
    """What is so at the moment of a scrape."""

    def __init__(self, operated: Operated) -> None:
        self._operated = operated

    def describe(self) -> Iterable[Metric]:
        return ()  # so that registering it asks nobody

    def collect(self) -> Iterator[Metric]:
        info = GaugeMetricFamily("articlebot_build_info", "Always 1.", labels=["version"])
        info.add_metric([version("article-bot")], 1)
        yield info
        yield GaugeMetricFamily(
            "articlebot_ready",
            "1 while questions are taken, or jobs, of a worker.",
            value=float(self._operated.is_ready),
        )
        yield from self._operated.metrics()


@contextmanager
def _registered(operated: Operated) -> Iterator[None]:
    """While inside, scrapes tell of it."""
    present = _Present(operated)
    REGISTRY.register(present)
    try:
        yield
    finally:
        REGISTRY.unregister(present)
