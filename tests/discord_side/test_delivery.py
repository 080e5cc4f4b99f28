"""What is sent again after a failure of the network, and what is not."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import discord
import pytest

from bot import delivery
from bot.delivery import _insist


class Line:
    """A connection that breaks so many times before it carries anything."""

    def __init__(self, *breaks: Exception) -> None:
        self.breaks = list(breaks)
        self.tries = 0

    async def send(self) -> str:
        self.tries += 1
        if self.breaks:
            raise self.breaks.pop(0)
        return "sent"


class Status:
    """As much of an HTTP response as discord.py's exceptions read."""

    reason = ""

    def __init__(self, status: int) -> None:
        self.status = status


def refusal(status: int, code: int = 0) -> discord.HTTPException:
    kind = discord.DiscordServerError if status >= 500 else discord.HTTPException
    return kind(Status(status), {"code": code, "message": "no"})  # type: ignore[arg-type]


AT_ONCE = (0.0, 0.0)


@pytest.mark.parametrize(
    "fault",
    [
        aiohttp.ServerDisconnectedError(),
        aiohttp.ClientOSError(104, "reset by peer"),
        aiohttp.ServerTimeoutError(),
        aiohttp.ClientPayloadError(),
        refusal(503),
        refusal(520),
    ],
)
async def test_what_may_not_have_arrived_is_sent_again(fault: Exception) -> None:
    line = Line(fault)
    assert await _insist(line.send, AT_ONCE) == "sent"
    assert line.tries == 2


async def test_after_the_last_try_the_failure_is_raised() -> None:
    line = Line(*(aiohttp.ServerDisconnectedError() for _ in range(3)))
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await _insist(line.send, AT_ONCE)
    assert line.tries == 3


@pytest.mark.parametrize("fault", [ValueError("no"), refusal(400), refusal(403), refusal(500)])
async def test_what_was_refused_or_repeated_already_is_not_repeated(fault: Exception) -> None:
    line = Line(fault)
    with pytest.raises(type(fault)):
        await _insist(line.send, AT_ONCE)
    assert line.tries == 1


class Interaction:
    """As much of an interaction as acknowledging it needs."""

    def __init__(self, line: Line) -> None:
        self.id = 1
        self.line = line
        self.extras: dict[str, Any] = {}
        self.response = self

    async def defer(self, **_: Any) -> None:
        await self.line.send()


async def test_an_acknowledgement_that_arrived_although_its_reply_was_lost_is_one() -> None:
    line = Line(aiohttp.ServerDisconnectedError(), refusal(400, 40060))
    await delivery.defer(Interaction(line))  # type: ignore[arg-type]
    assert line.tries == 2


async def test_an_acknowledgement_that_comes_too_late_is_told_to_the_operator(
    caplog: pytest.LogCaptureFixture,
) -> None:
    await delivery.defer(Interaction(Line(refusal(404, 10062))))  # type: ignore[arg-type]
    assert "acknowledged too late" in caplog.text


async def test_an_acknowledgement_that_is_refused_otherwise_is_an_error() -> None:
    with pytest.raises(discord.HTTPException):
        await delivery.defer(Interaction(Line(refusal(403, 50013))))  # type: ignore[arg-type]


class Channel:
    """A channel whose typing indicator never comes up."""

    def typing(self) -> Channel:
        return self

    async def __aenter__(self) -> None:
        await asyncio.Event().wait()

    async def __aexit__(self, *_: object) -> None:
        raise AssertionError


async def test_nobody_waits_for_the_typing_indicator() -> None:
    async with asyncio.timeout(1), delivery.typing(Channel()):  # type: ignore[arg-type]
        await asyncio.sleep(0)
