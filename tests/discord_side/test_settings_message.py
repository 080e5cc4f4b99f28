"""`/settings`: one message of menus for managers, saved at once, good after a restart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import discord
import pytest
import simcord
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.card import notice
from bot.careful import Level, exact, level_of, threshold_of
from bot.client import ArticleBot, BotOptions
from bot.errors import NotAllowed
from bot.i18n import LANGUAGES, say
from bot.panels.settings import Setup, settings_panel, unanswered_panel
from index import Preferences

from .stand_in import StandInEngine, World, answer_of, lines, not_said, quote_of, texts

pytestmark = pytest.mark.simcord(shard_count=1)


async def opened(world: World) -> simcord.InteractionResult:
    return await world.manager.slash(world.channel, "settings")


def menu(message: simcord.ResponseMessage | None, custom_id: str) -> dict[str, Any]:
    """A menu as Discord holds it."""
    assert message is not None
    (found,) = [
        part
        for container in message.components
        for row in container["components"]
        for part in row.get("components", ())
        if part.get("custom_id") == custom_id
    ]
    return found


def chosen(message: simcord.ResponseMessage | None, custom_id: str) -> list[str]:
    """What a menu shows as chosen: values of options, or ids."""
    found = menu(message, custom_id)
    if "options" in found:
        return [option["value"] for option in found["options"] if option.get("default")]
    return [str(value["id"]) for value in found.get("default_values", ())]


async def test_a_new_server_sees_that_it_answers_everywhere_and_keeps_what_was_not_answered(
    world: World,
) -> None:
    result = await opened(world)
    assert result.ephemeral
    assert texts(result.response)[0].startswith("## Settings of this server")
    assert {
        name: chosen(result.response, f"settings:{name}")
        for name in ("channels", "roles", "private", "threshold", "watched", "keep")
    } == {
        "channels": [],
        "roles": [],
        "private": ["public"],
        "threshold": ["balanced"],
        "watched": [],
        "keep": ["unanswered"],
    }


async def test_every_choice_is_saved_at_once_and_shown(world: World, engine: StandInEngine) -> None:
    role = world.guild.create_role("Readers")
    result = await opened(world)
    for name, values in (
        ("channels", [world.channel]),
        ("watched", [world.channel]),
        ("roles", [role]),
        ("private", ["private"]),
        ("keep", ["all"]),
        ("threshold", ["careful"]),
    ):
        await world.manager.select(result.response, values, custom_id=f"settings:{name}")
    assert engine.journal.preferences(world.scope) == Preferences(
        threshold=0.55,
        private=True,
        channels=(world.channel.id,),
        roles=(role.id,),
        watched=(world.channel.id,),
        keep_questions="all",
    )
    assert chosen(result.response, "settings:channels") == [str(world.channel.id)]
    assert chosen(result.response, "settings:roles") == [str(role.id)]
    assert chosen(result.response, "settings:threshold") == ["careful"]
    assert "Below 55 % certainty" in "\n".join(texts(result.response))


async def test_a_choice_can_be_taken_back(world: World, engine: StandInEngine) -> None:
    engine.journal.prefer(world.scope, channels=(world.channel.id,), threshold=0.55)
    result = await opened(world)
    await world.manager.select(result.response, [], custom_id="settings:channels")
    await world.manager.select(result.response, ["balanced"], custom_id="settings:threshold")
    assert engine.journal.preferences(world.scope) == Preferences()


async def test_the_answer_follows_a_choice_from_the_next_question_on(
    world: World, engine: StandInEngine
) -> None:
    await world.ann.slash(world.channel, "ask", question="When was it built?")
    result = await opened(world)
    await world.manager.select(result.response, ["private"], custom_id="settings:private")
    answer = await world.ann.slash(world.channel, "ask", question="When was it built?")
    assert answer.ephemeral


async def test_an_exact_value_is_asked_for_and_shown(world: World, engine: StandInEngine) -> None:
    result = await opened(world)
    asked = await world.manager.click(result.response, custom_id="settings:exact")
    assert asked.modal is not None
    await world.manager.submit_modal(asked, {"percent": "12,5 %"})
    assert engine.journal.preferences(world.scope).threshold == 0.125
    assert chosen(result.response, "settings:threshold") == ["exact"]
    labels = [option["label"] for option in menu(result.response, "settings:threshold")["options"]]
    assert labels == ["Answer more", "Balanced", "Careful", "Exactly 12 %"]
    await world.manager.select(result.response, ["exact"], custom_id="settings:threshold")
    assert engine.journal.preferences(world.scope).threshold == 0.125


async def test_what_is_no_percentage_is_refused_in_words_and_changes_nothing(
    world: World, engine: StandInEngine
) -> None:
    result = await opened(world)
    asked = await world.manager.click(result.response, custom_id="settings:exact")
    told = await world.manager.submit_modal(asked, {"percent": "many"})
    assert texts(told.response) == [say(None, "error.percent")]
    assert told.ephemeral
    assert engine.journal.preferences(world.scope) == Preferences()


async def test_the_menus_work_after_a_restart(
    world: World, engine: StandInEngine, options: BotOptions
) -> None:
    result = await opened(world)
    await world.env.restart_bot(ArticleBot(engine, options))
    await world.manager.select(result.response, ["off"], custom_id="settings:keep")
    assert engine.journal.preferences(world.scope).keep_questions == "off"
    assert chosen(result.response, "settings:keep") == ["off"]


async def test_who_has_lost_the_right_is_refused_at_the_press(
    world: World, engine: StandInEngine
) -> None:
    result = await opened(world)
    guild = world.env.bot.get_guild(world.guild.id)
    (managers,) = [role for role in guild.roles if role.name == "Managers"]
    await managers.edit(permissions=discord.Permissions.none())
    await world.env.settle()
    for press in (
        world.manager.select(result.response, ["private"], custom_id="settings:private"),
        world.manager.click(result.response, custom_id="settings:exact"),
        world.manager.click(result.response, custom_id="settings:unanswered"),
    ):
        told = await press
        assert texts(told.response) == [str(NotAllowed("error.not_manager"))]
        assert told.ephemeral
    assert engine.journal.preferences(world.scope) == Preferences()


async def test_who_slips_past_discords_default_sees_no_settings(
    world: World, env: simcord.Env
) -> None:
    commands = await env.bot.tree.fetch_commands()
    (command,) = [command for command in commands if command.name == "settings"]
    world.guild.set_command_permissions(command, {world.ann: True})
    result = await world.ann.slash(world.channel, "settings")
    told = [*result.followups, result.response]
    assert [text for message in told if message for text in texts(message)] == [
        say(None, "error.not_manager")
    ]


async def test_watched_channels_say_what_they_need_while_messages_cannot_be_read(
    world: World,
) -> None:
    remark = say(None, "settings.watched.off")
    assert remark in "\n".join(texts((await opened(world)).response))
    reading = Setup(Preferences(), 0.1, reads_messages=True, present=())
    assert remark not in "\n".join(lines(settings_panel(None, reading)))


async def test_unanswered_questions_are_listed_for_managers_newest_first_and_escaped(
    world: World, engine: StandInEngine
) -> None:
    result = await opened(world)
    none = await world.manager.click(result.response, custom_id="settings:unanswered")
    assert texts(none.response) == [say(None, "unanswered.none")]
    for question in ("What of @everyone?", "And *who*?"):
        engine.journal.record(world.scope, 1, replace(not_said(), question=question))
    answered = replace(answer_of(quote_of("It is so.")), question="Is it so?")
    engine.journal.record(world.scope, 1, answered)
    listed = await world.manager.click(result.response, custom_id="settings:unanswered")
    assert listed.ephemeral
    assert texts(listed.response)[1] == "- And \\*who\\*?\n- What of \\@everyone?"


async def test_what_was_deleted_since_is_not_shown_as_chosen() -> None:
    known = Setup(Preferences(channels=(1, 2), roles=(3,)), 0.1, reads_messages=True, present={2})
    panel = settings_panel(None, known)
    selects = [item for item in panel.walk_children() if isinstance(item, discord.ui.DynamicItem)]
    defaults = [
        [value.id for value in select.item.default_values]
        for select in selects
        if hasattr(select.item, "default_values")
    ]
    assert defaults == [[2], [], []]


@pytest.mark.parametrize("operators", [0.0, 0.1, 0.5, 1.0])
def test_a_level_is_known_again_by_the_threshold_that_it_stands_for(operators: float) -> None:
    limits = [
        operators if limit is None else limit
        for limit in (threshold_of(level, operators) for level in Level)
    ]
    assert limits == sorted(limits)
    assert level_of(threshold_of(Level.CAREFUL, 0.1), 0.1) is Level.CAREFUL
    assert level_of(None, operators) is Level.BALANCED
    assert level_of(0.123, operators) is None


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("25", 0.25),
        (" 12,5 % ", 0.125),
        ("0", 0.0),
        ("100%", 1.0),
        ("101", None),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("", None),
        ("a", None),
    ],
)
def test_a_percentage_is_read_as_people_write_it(text: str, share: float | None) -> None:
    assert exact(text) == share


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(LANGUAGES),
    st.lists(st.integers(1, 2**63), max_size=40, unique=True),
    st.floats(0, 1),
)
def test_the_message_keeps_discords_limits_whatever_is_chosen(
    language: str, ids: list[int], threshold: float
) -> None:
    preferences = Preferences(threshold, True, tuple(ids), tuple(ids), tuple(ids))
    panel = settings_panel(language, Setup(preferences, 0.1, reads_messages=False, present=ids))
    assert panel.total_children_count <= 40
    assert panel.content_length() <= 4000
    for item in panel.walk_children():
        for option in getattr(getattr(item, "item", None), "options", ()):
            assert len(option.label) <= 100
        assert len(getattr(getattr(item, "item", None), "label", "") or "") <= 80
    questions = [f"{n} " + "*" * 990 for n in range(10)]
    listed = unanswered_panel(language, questions)
    assert listed.content_length() <= 4000
    assert notice("x").content_length() == 1
