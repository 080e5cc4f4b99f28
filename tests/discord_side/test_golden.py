"""`/golden`: questions whose answers are known, kept, listed, checked; for managers."""

from __future__ import annotations

import pytest
import simcord

from bot.i18n import say
from bot.panels.golden import checked_panel, list_panel
from index import Examined, Golden

from .stand_in import SENTENCES, StandInEngine, World, buttons, lines, texts

pytestmark = pytest.mark.simcord(shard_count=1)

KEEPER = "Who is its keeper?"


async def test_what_is_answered_now_becomes_what_must_be(
    world: World, engine: StandInEngine
) -> None:
    result = await world.manager.slash(world.channel, "golden add", question=KEEPER)
    assert engine.golden.all(world.scope) == [Golden(1, KEEPER, SENTENCES[1])]
    assert texts(result.response) == [
        "## Golden question kept",
        f"{KEEPER}\n  → must hold: {SENTENCES[1]}",
        "That is what I answer now.",
        "-# A `/reindex` that loses this answer is not published without asking you.",
    ]
    assert result.response is not None
    assert result.response.ephemeral


async def test_words_of_the_managers_own_are_held_against_the_answer(
    world: World, engine: StandInEngine
) -> None:
    result = await world.manager.slash(
        world.channel, "golden add", question=KEEPER, expected="Berta"
    )
    assert texts(result.response)[2] == f"⚠ Just now my answer is another: {SENTENCES[1]}"
    result = await world.manager.slash(
        world.channel, "golden add", question="Who cooks?", unanswerable=True
    )
    assert "must not be answered" in texts(result.response)[1]
    assert [each.expected for each in engine.golden.all(world.scope)] == ["Berta", None]


async def test_what_is_declined_now_is_kept_only_when_it_must_be(
    world: World, engine: StandInEngine
) -> None:
    result = await world.manager.slash(world.channel, "golden add", question="Who cooks?")
    assert texts(result.response) == [say(None, "error.golden.declined")]
    result = await world.manager.slash(
        world.channel, "golden add", question=KEEPER, unanswerable=True
    )
    assert texts(result.response)[2] == f"⚠ Just now my answer is another: {SENTENCES[1]}"


async def test_the_servers_own_carefulness_counts(world: World, engine: StandInEngine) -> None:
    engine.journal.prefer(world.scope, threshold=0.8)
    await world.manager.slash(world.channel, "golden add", question=KEEPER)
    assert engine.told[-1]["threshold"] == 0.8


async def test_words_and_no_answer_exclude_each_other(world: World, engine: StandInEngine) -> None:
    result = await world.manager.slash(
        world.channel, "golden add", question=KEEPER, expected="Ann", unanswerable=True
    )
    assert texts(result.response) == [say(None, "error.golden.either")]
    assert engine.asked == []


async def test_all_are_asked_and_those_that_fail_are_shown(
    world: World, engine: StandInEngine
) -> None:
    engine.golden.kept[world.scope] = [
        Golden(1, KEEPER, "Ann"),
        Golden(2, "How far does the lamp reach?", "fifty"),
    ]
    result = await world.manager.slash(world.channel, "golden check")
    assert texts(result.response) == [
        "## 1 of 2 golden questions answered as they must be",
        f"- **2** · How far does the lamp reach?\n  must hold: fifty → {SENTENCES[2]}",
    ]


async def test_the_list_turns_its_pages_and_one_is_removed(
    world: World, engine: StandInEngine
) -> None:
    engine.golden.kept[world.scope] = [Golden(n, f"Question {n}?", None) for n in range(1, 13)]
    result = await world.manager.slash(world.channel, "golden list")
    assert "**10** · Question 10?" in texts(result.response)[1]
    assert "**11**" not in texts(result.response)[1]
    await world.manager.click(result.response, custom_id=buttons(result.response)["▶"])
    assert "**11** · Question 11?" in texts(result.response)[1]
    result = await world.manager.slash(world.channel, "golden remove", number=3)
    assert texts(result.response)[0] == "## 11 golden questions"
    result = await world.manager.slash(world.channel, "golden remove", number=3)
    assert texts(result.response)[0].startswith("There is no golden question of that number.")


async def test_members_without_the_right_neither_see_nor_use_it(
    world: World, engine: StandInEngine, env: simcord.Env
) -> None:
    assert not any(n.startswith("golden") for n in world.ann.available_commands(world.channel))
    commands = await env.bot.tree.fetch_commands()
    (golden,) = [command for command in commands if command.name == "golden"]
    world.guild.set_command_permissions(golden, {world.ann: True})
    for name, given in (("add", {"question": KEEPER}), ("list", {}), ("check", {})):
        result = await world.ann.slash(world.channel, f"golden {name}", **given)
        assert texts(result.response) == [say(None, "error.not_manager")]
    assert engine.golden.kept == {}


def test_none_is_said_and_two_hundred_fit() -> None:
    assert (
        lines(list_panel(None, [])) == lines(checked_panel(None, [])) == [say(None, "golden.empty")]
    )
    long = [Golden(number, "q" * 500, "w" * 300) for number in range(200)]
    assert len("".join(lines(list_panel("de", long, 19)))) < 4000
    failed = [Examined(each, "s" * 5000, passes=False) for each in long]
    assert len("".join(lines(checked_panel("de", failed)))) < 4000
