"""A headless Chromium, steered over its DevTools protocol.

Nothing but aiohttp is needed for it, which discord.py brings along: a page is opened,
scripts are run in it, and parts of it become PNGs.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--hide-scrollbars", "--no-first-run", "--remote-debugging-port=0")  # fmt: skip
START_S = 30
READY_S = 60


def find() -> str | None:
    """The path of a Chromium or Chrome: the one that CHROMIUM names, else the first installed."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a page, in CSS pixels."""

    x: float
    y: float
    width: float
    height: float


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._session: str | None = None

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol and wait for its result; events are passed over."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        await self._socket.send_json(message)
        while True:
            reply = await self._socket.receive_json()
            if reply.get("id") == number:
                if "error" in reply:
                    raise RuntimeError(f"{method}: {reply['error']['message']}")
                return reply["result"]

    async def open(self) -> None:
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        self._session = attached["sessionId"]
        await self.call("Page.enable")
        await self.call("Page.setBypassCSP", enabled=True)  # or it takes no style of ours

    async def goto(self, url: str, ready: str) -> None:
        """Open ``url`` and wait until the script ``ready`` is true in it."""
        await self.call("Page.navigate", url=url)
        await self.until(ready)

    async def until(self, condition: str) -> None:
        async with asyncio.timeout(READY_S):
            while not await self.run(condition):  # noqa: ASYNC110 - the browser sets no event
                await asyncio.sleep(0.05)

    async def run(self, script: str) -> Any:
        """The JSON value of an expression, or of the promise that it is."""
        reply = await self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in reply:
            raise RuntimeError(reply["exceptionDetails"]["exception"]["description"])
        return reply["result"].get("value")

    async def resize(self, width: int, height: int, *, scale: float) -> None:
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=scale, mobile=False,
        )  # fmt: skip

    async def picture(self, box: Box) -> bytes:
        clip = {"x": box.x, "y": box.y, "width": box.width, "height": box.height, "scale": 1}
        reply = await self.call("Page.captureScreenshot", format="png", clip=clip)
        return base64.b64decode(reply["data"])


@contextlib.asynccontextmanager
async def opened(path: str) -> AsyncIterator[Page]:
    """A browser with one empty page; both are gone afterwards."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        log = Path(folder) / "log"
        with log.open("wb") as said:
            process = await asyncio.create_subprocess_exec(
                path, *FLAGS, f"--user-data-dir={folder}", stdout=said, stderr=said
            )
        try:
            address = await _address(process, Path(folder) / "DevToolsActivePort", log)
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(address, max_msg_size=0) as socket,
            ):
                page = Page(socket)
                await page.open()
                yield page
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _address(process: asyncio.subprocess.Process, announced: Path, log: Path) -> str:
    """Where the browser listens: it writes port and path into a file, path last."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(START_S):
            while process.returncode is None:
                if len(lines := _lines(announced)) == 2:
                    return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
                await asyncio.sleep(0.02)
    raise RuntimeError(f"the browser did not start: {' '.join(_lines(log)[-5:])}")


def _lines(path: Path) -> list[str]:
    return path.read_text(errors="replace").splitlines() if path.exists() else []
