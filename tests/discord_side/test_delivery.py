"""What is sent again after a failure of the network, and what is not."""

from __future__ import annotations

import aiohttp
import pytest

from bot.delivery import _twice


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


@pytest.mark.parametrize(
    "fault", [aiohttp.ServerDisconnectedError(), aiohttp.ClientOSError(104, "reset by peer")]
)
async def test_a_reset_connection_is_tried_once_more(fault: Exception) -> None:
    line = Line(fault)
    assert await _twice(line.send) == "sent"
    assert line.tries == 2


async def test_a_second_reset_is_raised() -> None:
    line = Line(aiohttp.ServerDisconnectedError(), aiohttp.ServerDisconnectedError())
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await _twice(line.send)
    assert line.tries == 2


async def test_any_other_failure_is_not_repeated() -> None:
    line = Line(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        await _twice(line.send)
    assert line.tries == 1
