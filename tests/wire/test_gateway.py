"""When the gateway breaks: the session goes on, and what was missed is answered once."""

from __future__ import annotations

from .loopback import Discord, until
from .payloads import text
from .process import BotProcess
from .test_asking import HIS_NAME, MAYOR, MENTION


async def is_answered_once(discord: Discord, said: dict, within_s: float = 20) -> None:
    assert HIS_NAME in text(await discord.reply(said, within_s))
    after = await discord.say(f"{MENTION} {MAYOR}")
    await discord.reply(after)
    assert len(discord.replies(said)) == 1


async def test_the_gateway_is_read_as_one_compressed_stream(discord: Discord) -> None:
    assert set(discord.gateway.compressions) == {"zlib-stream"}


async def test_a_heartbeat_that_is_asked_for_comes_at_once(discord: Discord) -> None:
    before = discord.gateway.heartbeats
    await discord.gateway.ask_for_heartbeat()
    await until(lambda: discord.gateway.heartbeats > before, 5)


async def test_what_was_said_during_a_reconnect_is_answered_once(discord: Discord) -> None:
    gateway = discord.gateway
    resumes, identifies = len(gateway.resumes), len(gateway.identifies)
    gateway.is_open.clear()
    await gateway.ask_to_reconnect()
    missed = await discord.say(f"{MENTION} {MAYOR}")
    gateway.is_open.set()
    await is_answered_once(discord, missed)
    assert (len(gateway.resumes), len(gateway.identifies)) == (resumes + 1, identifies)


async def test_what_was_answered_before_a_reconnect_is_not_answered_again(
    discord: Discord,
) -> None:
    gateway = discord.gateway
    said = await discord.say(f"{MENTION} {MAYOR}")
    await discord.reply(said)
    resumes = len(gateway.resumes)
    gateway.replays_too_much = True
    await gateway.ask_to_reconnect()
    await until(lambda: len(gateway.resumes) > resumes)
    await is_answered_once(discord, said)


async def test_a_connection_that_is_torn_down_is_resumed(discord: Discord) -> None:
    gateway = discord.gateway
    gateway.is_open.clear()
    gateway.tear_down()
    missed = await discord.say(f"{MENTION} {MAYOR}")
    gateway.is_open.set()
    await is_answered_once(discord, missed)


async def test_a_session_that_may_be_resumed_is_resumed(discord: Discord) -> None:
    gateway = discord.gateway
    resumes = len(gateway.resumes)
    gateway.is_open.clear()
    await gateway.invalidate(resumable=True)
    missed = await discord.say(f"{MENTION} {MAYOR}")
    gateway.is_open.set()
    await is_answered_once(discord, missed)
    assert len(gateway.resumes) == resumes + 1


async def test_a_session_that_is_invalid_is_followed_by_a_new_one(discord: Discord) -> None:
    gateway = discord.gateway
    identifies = len(gateway.identifies)
    await gateway.invalidate(resumable=False)
    await until(lambda: len(gateway.identifies) == identifies + 1)
    await is_answered_once(discord, await discord.say(f"{MENTION} {MAYOR}"))


async def test_an_event_that_cannot_be_read_costs_the_session_and_not_the_bot(
    discord: Discord, running: BotProcess
) -> None:
    identifies = len(discord.gateway.identifies)
    asked = await discord.say(f"{MENTION} {MAYOR}")
    await discord.gateway.dispatch("MESSAGE_CREATE", {"id": "no number"})
    await until(lambda: len(discord.gateway.identifies) == identifies + 1)
    await is_answered_once(discord, asked)
    assert running.is_running
