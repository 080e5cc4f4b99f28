"""Sending: what may be repeated, and what may not.

discord.py gives up at once on a 503 or 520 of the bot API, and on a connection that is
reset during a POST. A channel message is then sent again with the same nonce, by which
Discord drops a double. An interaction is acknowledged again, since Discord refuses a
second acknowledgement; after it the original response is edited, which may be repeated
safely. A webhook POST never is.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

import aiohttp
import discord
from discord import ui

log = logging.getLogger(__name__)

T = TypeVar("T")

PAUSES_S = (0.5, 2.5)
"""Before each further try of what discord.py does not repeat."""
HASTY_PAUSES_S = (0.0, 0.5)
"""An interaction has to be acknowledged within three seconds."""

_TOKEN_EXPIRED = {10015, 10062, 50027}  # unknown webhook, unknown interaction, invalid token
_MESSAGE_GONE = 10008
_ALREADY_ACKNOWLEDGED = 40060
_REPEATED_BY_DISCORD_PY = {500, 502, 504, 524}  # five times, over half a minute
_LINE_BROKE = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError)
_PRIVATE = "private"
_THINKING = "thinking"
_LATE = "late"
_HOLDS_MESSAGES = (
    discord.TextChannel
    | discord.Thread
    | discord.VoiceChannel
    | discord.StageChannel
    | discord.DMChannel
    | discord.PartialMessageable
)


async def defer(
    interaction: discord.Interaction, *, private: bool = False, thinking: bool = True
) -> None:
    """Acknowledge an interaction; `respond` follows. ``private``: its presser alone sees that.

    Where that comes too late, `respond` writes to the channel instead, unless it was private.
    Without ``thinking`` the message under a button stays as it is meanwhile.
    """
    interaction.extras[_PRIVATE] = private

    async def acknowledge() -> None:
        await interaction.response.defer(thinking=thinking, ephemeral=private)

    try:
        await _insist(acknowledge, HASTY_PAUSES_S)
    except discord.HTTPException as error:
        if error.code in _TOKEN_EXPIRED:
            log.warning(
                "interaction %s was acknowledged too late; see whether this machine has too much"
                " to do",
                interaction.id,
            )
            interaction.extras[_LATE] = True
        elif error.code != _ALREADY_ACKNOWLEDGED:  # else a try arrived whose reply was lost
            raise
    # discord.py does not know of an acknowledgement whose reply was lost.
    interaction.extras[_THINKING] = thinking


async def tell(interaction: discord.Interaction, view: ui.LayoutView) -> None:
    """Say something to the presser alone, however far the response has come."""
    thinking = interaction.extras.get(_THINKING)
    if thinking:
        await respond(interaction, view)
    elif thinking is None and not interaction.response.is_done():
        await interaction.response.send_message(view=view, ephemeral=True)
    else:
        await interaction.followup.send(view=view, ephemeral=True)


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
        return await _insist(send)
    except (discord.Forbidden, discord.NotFound) as error:
        log.warning("cannot write in channel %s: code %s", message.channel.id, error.code)
        return None


async def respond(interaction: discord.Interaction, view: ui.LayoutView) -> discord.Message | None:
    """Fill in the deferred response; where its token has expired, write to the channel,
    unless the response was to be private. The message, or None when there is none.

    Somebody who deletes the response does not want it: that is no error.
    """
    if interaction.extras.get(_LATE):
        return await _write_in_channel(interaction, view)

    async def edit() -> discord.Message:
        return await interaction.edit_original_response(view=view)

    try:
        return await _insist(edit)
    except discord.HTTPException as error:
        if error.code in _TOKEN_EXPIRED:
            return await _write_in_channel(interaction, view)
        if error.code != _MESSAGE_GONE:
            raise
        return None


async def _write_in_channel(
    interaction: discord.Interaction, view: ui.LayoutView
) -> discord.Message | None:
    channel = interaction.channel
    private = interaction.extras.get(_PRIVATE, False)
    if private or not isinstance(channel, discord.abc.Messageable):
        log.warning("a response came too late for interaction %s", interaction.id)
        return None
    nonce = str(interaction.id)

    async def send() -> discord.Message:
        return await channel.send(view=view, nonce=nonce)

    try:
        return await _insist(send)
    except (discord.Forbidden, discord.NotFound) as error:
        log.warning("cannot write in channel %s: code %s", interaction.channel_id, error.code)
        return None


async def _insist(send: Callable[[], Awaitable[T]], pauses_s: Sequence[float] = PAUSES_S) -> T:
    """Send, and again after a failure that says nothing about whether it arrived."""
    for pause_s in pauses_s:
        try:
            return await send()
        except _LINE_BROKE as error:
            log.info("sending again after %s", type(error).__name__)
        except discord.HTTPException as error:
            if error.status < 500 or error.status in _REPEATED_BY_DISCORD_PY:
                raise
            log.info("sending again after status %d", error.status)
        await asyncio.sleep(pause_s)
    return await send()


async def replace(channel: discord.abc.Messageable, message: int, view: ui.LayoutView) -> bool:
    """Put other words in a message of the bot's; False when it is gone or out of reach."""
    partial = _partial(channel, message)

    async def edit() -> None:
        await partial.edit(view=view)

    try:
        await _insist(edit)
    except (discord.Forbidden, discord.NotFound):
        return False
    return True


async def remove(channel: discord.abc.Messageable, message: int) -> None:
    """Delete a message of the bot's; one that is gone already is no error."""
    with contextlib.suppress(discord.Forbidden, discord.NotFound):
        await _insist(_partial(channel, message).delete)


async def whisper(user: discord.User | discord.Member, view: ui.LayoutView) -> bool:
    """Write to somebody directly; False where they do not take messages from here."""
    try:
        await user.send(view=view)
    except (discord.HTTPException, aiohttp.ClientError) as error:
        log.info("cannot write to user %s: %s", user.id, type(error).__name__)
        return False
    return True


def _partial(channel: discord.abc.Messageable, message: int) -> discord.PartialMessage:
    assert isinstance(channel, _HOLDS_MESSAGES)
    return channel.get_partial_message(message)


@contextlib.asynccontextmanager
async def typing(channel: discord.abc.Messageable) -> AsyncIterator[None]:
    """Show that the bot is typing; the work neither waits for that nor fails with it."""
    showing = asyncio.create_task(_show_typing(channel))
    try:
        yield
    finally:
        showing.cancel()
        await asyncio.wait({showing})


async def _show_typing(channel: discord.abc.Messageable) -> None:
    with contextlib.suppress(discord.DiscordException, aiohttp.ClientError, OSError):
        async with channel.typing():
            await asyncio.Event().wait()
