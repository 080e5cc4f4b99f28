"""Sending: what may be repeated, and what may not.

discord.py gives up at once on a 503 or 520 of the bot API, and on a connection that is
reset during a POST. A channel message is then sent once more with the same nonce, by
which Discord drops a double. After a defer the original response is edited, which may be
repeated safely; a webhook POST never is.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import aiohttp
import discord
from discord import ui

log = logging.getLogger(__name__)

T = TypeVar("T")

_TOKEN_EXPIRED = {10015, 10062, 50027}  # unknown webhook, unknown interaction, invalid token
_MESSAGE_GONE = 10008


async def reply(message: discord.Message, view: ui.LayoutView) -> discord.Message | None:
    """Answer a message in its channel, pinging nobody, even when it was deleted meanwhile.

    At most one reply to a message appears, however often it is sent. None when the
    channel is closed to the bot: there is nobody to tell, so the log says it.
    """
    reference = message.to_reference(fail_if_not_exists=False)

    async def send() -> discord.Message:
        return await message.channel.send(
            view=view, reference=reference, mention_author=False, nonce=str(message.id)
        )

    try:
        return await _twice(send)
    except (discord.Forbidden, discord.NotFound) as error:
        log.warning("cannot write in channel %s: code %s", message.channel.id, error.code)
        return None


async def respond(interaction: discord.Interaction, view: ui.LayoutView) -> None:
    """Fill in the deferred response; where its token has expired, write to the channel.

    Somebody who deletes the response does not want it: that is no error.
    """

    async def edit() -> None:
        await interaction.edit_original_response(view=view)

    try:
        await _twice(edit)
    except discord.HTTPException as error:
        if error.code in _TOKEN_EXPIRED:
            await _write_in_channel(interaction, view)
        elif error.code != _MESSAGE_GONE:
            raise


async def _write_in_channel(interaction: discord.Interaction, view: ui.LayoutView) -> None:
    channel = interaction.channel
    if not isinstance(channel, discord.abc.Messageable):
        return
    nonce = str(interaction.id)

    async def send() -> discord.Message:
        return await channel.send(view=view, nonce=nonce)

    try:
        await _twice(send)
    except (discord.Forbidden, discord.NotFound) as error:
        log.warning("cannot write in channel %s: code %s", interaction.channel_id, error.code)


async def _twice(send: Callable[[], Awaitable[T]]) -> T:
    """Send, and once more after a failure that says nothing about whether it arrived."""
    try:
        return await send()
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
        return await send()
    except discord.HTTPException as error:
        if error.status < 500:
            raise
        return await send()


@contextlib.asynccontextmanager
async def typing(channel: discord.abc.Messageable) -> AsyncIterator[None]:
    """Show that the bot is typing; where that fails, work goes on all the same."""
    async with contextlib.AsyncExitStack() as stack:
        with contextlib.suppress(discord.HTTPException, aiohttp.ClientError):
            await stack.enter_async_context(channel.typing())
        yield
