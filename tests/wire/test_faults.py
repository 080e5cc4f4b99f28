"""When Discord's REST side fails: every question is answered once, or not silently lost."""

from __future__ import annotations

import time

import pytest

from .faults import RESET, Fault, rate_limit
from .loopback import Discord, until
from .payloads import LOADING, text
from .test_asking import HIS_NAME, MAYOR, MENTION

POST = ("POST", r"/channels/\d+/messages$")
PATCH = ("PATCH", r"/messages/@original$")
CALLBACK = ("POST", r"/callback$")

LOST = [
    pytest.param(status, applied, id=f"{status or 'reset'}-{'after' if applied else 'before'}")
    for status in (500, 503, 520, RESET)
    for applied in (False, True)
]
"""What befalls a request before or after it has taken effect."""


async def asks_by_message(discord: Discord) -> None:
    said = await discord.say(f"{MENTION} {MAYOR}")
    assert HIS_NAME in text(await discord.reply(said))
    follows = await discord.say(f"{MENTION} {MAYOR}")
    await discord.reply(follows)
    assert len(discord.replies(said)) == 1


async def asks_by_command(discord: Discord) -> None:
    asked = await discord.command("ask", question=MAYOR)
    assert HIS_NAME in text(await discord.answer(asked))
    assert asked.followups == []


@pytest.mark.parametrize(("status", "applied"), LOST)
async def test_a_reply_that_may_be_lost_is_sent_again_and_appears_once(
    discord: Discord, status: int, applied: bool
) -> None:
    discord.faults = [Fault(*POST, status, applied=applied)]
    await asks_by_message(discord)


@pytest.mark.parametrize(("status", "applied"), LOST)
async def test_an_answer_to_a_command_that_may_be_lost_is_sent_again(
    discord: Discord, status: int, applied: bool
) -> None:
    discord.faults = [Fault(*PATCH, status, applied=applied)]
    await asks_by_command(discord)


@pytest.mark.parametrize(("status", "applied"), LOST)
async def test_an_acknowledgement_that_may_be_lost_is_sent_again(
    discord: Discord, status: int, applied: bool
) -> None:
    discord.faults = [Fault(*CALLBACK, status, applied=applied)]
    await asks_by_command(discord)


@pytest.mark.parametrize("what", [POST, PATCH], ids=["reply", "response"])
async def test_a_rate_limit_is_waited_for(discord: Discord, what: tuple[str, str]) -> None:
    discord.faults = [rate_limit(*what, retry_after=0.7)]
    began = time.monotonic()
    await (asks_by_message if what is POST else asks_by_command)(discord)
    assert time.monotonic() - began >= 0.7


async def test_an_outage_of_two_tries_is_survived(discord: Discord) -> None:
    discord.faults = [Fault(*POST, 503, times=2)]
    await asks_by_message(discord)


async def test_a_typing_indicator_that_fails_holds_nothing_up(discord: Discord) -> None:
    discord.faults = [Fault("POST", r"/typing$", 500, times=5)]
    began = time.monotonic()
    await asks_by_message(discord)
    assert time.monotonic() - began < 4


async def test_a_public_answer_whose_token_has_expired_goes_to_the_channel(
    discord: Discord,
) -> None:
    discord.faults = [Fault(*PATCH, 401, body={"code": 50027, "message": "Invalid Webhook Token"})]
    before = len(discord.posts(discord.channel))
    await discord.command("ask", question=MAYOR)
    await until(lambda: len(discord.posts(discord.channel)) == before + 1)


async def test_a_question_that_is_acknowledged_too_late_is_answered_in_the_channel(
    discord: Discord,
) -> None:
    discord.faults = [
        Fault(*CALLBACK, 404, body={"code": 10062, "message": "Unknown interaction"}),
    ]
    before = len(discord.posts(discord.channel))
    asked = await discord.command("ask", question=MAYOR)
    await until(lambda: len(discord.posts(discord.channel)) == before + 1)
    (answer,) = discord.shown_for(asked)
    assert HIS_NAME in text(answer)
    assert asked.shown == []
    await asks_by_command(discord)


async def test_a_private_answer_whose_token_has_expired_goes_nowhere(discord: Discord) -> None:
    discord.faults = [Fault(*PATCH, 401, body={"code": 50027, "message": "Invalid Webhook Token"})]
    before = len(discord.posts(discord.channel))
    asked = await discord.command("ask", question=MAYOR, private=True)
    await until(lambda: discord.faults[0].struck)
    await discord.answer(await discord.command("ask", question=MAYOR))
    assert len(discord.posts(discord.channel)) == before
    assert asked.original["flags"] & LOADING


async def test_a_channel_that_is_closed_to_the_bot_costs_nobody_else_anything(
    discord: Discord,
) -> None:
    discord.faults = [Fault(*POST, 403, body={"code": 50013, "message": "Missing Permissions"})]
    said = await discord.say(f"{MENTION} {MAYOR}")
    await until(lambda: discord.faults[0].struck)
    await asks_by_message(discord)
    assert discord.replies(said) == []
