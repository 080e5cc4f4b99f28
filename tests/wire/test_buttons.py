"""What is below an answer, over the wire."""

from __future__ import annotations

import pytest
import pytest_asyncio

from .loopback import FORM, Discord, until
from .payloads import EPHEMERAL, Payload, parts, text
from .test_asking import HIS_NAME, MAYOR


@pytest_asyncio.fixture(loop_scope="session")
async def answer(discord: Discord) -> Payload:
    return await discord.answer(await discord.command("ask", question=MAYOR))


@pytest.mark.parametrize("kind", ["more", "context"])
async def test_passages_and_context_show_to_the_presser_alone(
    discord: Discord, answer: Payload, kind: str
) -> None:
    before = text(answer)
    pressed = await discord.press(answer, kind, discord.bob)
    shown = await discord.answer(pressed)
    assert HIS_NAME in text(shown)
    assert shown["flags"] & EPHEMERAL
    assert text(answer) == before


async def test_pages_turn_in_place(discord: Discord, answer: Payload) -> None:
    first = await discord.answer(await discord.press(answer, "more"))
    before = text(first)
    (_, after) = (p["custom_id"] for p in parts(first["components"]) if p["type"] == 2)
    turned = await discord.press_id(first, after)
    await until(lambda: text(first) != before)
    assert turned.shown == []


async def test_a_thumb_up_is_thanked_for(discord: Discord, answer: Payload) -> None:
    thanks = await discord.answer(await discord.rate(answer, "up"))
    assert thanks["flags"] & EPHEMERAL


async def test_a_thumb_down_asks_why_and_takes_the_reason(
    discord: Discord, answer: Payload
) -> None:
    pressed = await discord.rate(answer, "down")
    await until(lambda: pressed.acknowledged)
    assert pressed.acknowledged == FORM
    thanks = await discord.answer(await discord.submit(pressed, "He is in the next sentence."))
    assert thanks["flags"] & EPHEMERAL


async def test_the_asker_may_take_the_answer_away_and_others_may_not(
    discord: Discord, answer: Payload
) -> None:
    refused = await discord.answer(await discord.press(answer, "dismiss", discord.bob))
    assert refused["flags"] & EPHEMERAL
    assert answer["id"] in discord.messages
    await discord.press(answer, "dismiss")
    await until(lambda: answer["id"] not in discord.messages)


async def test_who_may_not_make_threads_cannot_have_the_bot_make_one(
    discord: Discord, answer: Payload
) -> None:
    told = await discord.answer(await discord.press(answer, "thread", permissions="3072"))
    assert "Only people who may create threads" in text(told)


async def test_a_thread_grows_from_an_answer_once(discord: Discord, answer: Payload) -> None:
    told = await discord.answer(await discord.press(answer, "thread"))
    assert f"<#{answer['id']}>" in text(told)
    thread = discord.threads[answer["id"]]
    assert len(discord.posts(thread)) == 1
    again = await discord.answer(await discord.press(answer, "thread"))
    assert f"<#{answer['id']}>" in text(again)
    assert len(discord.posts(thread)) == 1
