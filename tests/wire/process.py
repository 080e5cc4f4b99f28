"""The bot as its users run it: a process of its own, told everything by its environment."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Self

from bot.settings import Settings

from .loopback import Discord, until

ROOT = Path(__file__).parents[2]
START_WITHIN_S = 90.0
STOP_WITHIN_S = 60.0


RUN = "import sys; from bot.__main__ import main; sys.exit(main([]))"


class BotProcess:
    """``python -m bot`` against a Discord on this machine. Its output is in ``log``.

    ``before`` is Python that the process runs first, for what no setting can change.
    """

    def __init__(
        self, discord: Discord, data: Path, *, before: str | None = None, **settings: object
    ) -> None:
        self.discord = discord
        self.program = ("-m", "bot") if before is None else ("-c", f"{before}; {RUN}")
        self.data = data
        self.settings = settings
        self.output = data.with_suffix(".log")
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def log(self) -> str:
        return self.output.read_text("utf-8", "replace")

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def launch(self) -> None:
        """Start, and do not wait until it serves."""
        with self.output.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, *self.program,
                cwd=self.data, env=self._environment(), stdout=output, stderr=output,
                stdin=asyncio.subprocess.DEVNULL,
            )  # fmt: skip

    async def start(self) -> None:
        """Start, and return as soon as it has a session."""
        before = len(self.discord.gateway.identifies)
        await self.launch()
        await self.connected(before)

    async def connected(self, before: int = 0) -> None:
        identifies = self.discord.gateway.identifies
        await until(lambda: len(identifies) > before or not self.is_running, START_WITHIN_S)
        assert self.is_running, self.log

    def terminate(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()

    async def ended(self) -> int:
        """Its exit code, once it has ended."""
        assert self._process is not None
        async with asyncio.timeout(STOP_WITHIN_S):
            return await self._process.wait()

    async def stop(self) -> None:
        if not self.is_running:
            return
        assert self._process is not None
        self.terminate()
        try:
            await self.ended()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
            raise

    def _environment(self) -> dict[str, str]:
        own = {name.upper() for name in Settings.model_fields}
        told = {
            "DISCORD_TOKEN": "token",
            "DISCORD_API_URL": self.discord.url,
            "DISCORD_GATEWAY_URL": self.discord.gateway.url,
            "DATA_DIR": str(self.data),
            "USER_COOLDOWN_S": "0",
            "PYTHONPATH": str(ROOT),
            **{name.upper(): str(value) for name, value in self.settings.items()},
        }
        return {name: value for name, value in os.environ.items() if name not in own} | told
