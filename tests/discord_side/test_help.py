"""`/help`: every way of asking; managers also see their commands."""

from __future__ import annotations

import pytest

from bot.i18n import LANGUAGES, say
from bot.panels.guide import guide_panel, welcome_panel

from .stand_in import StandInEngine, World, lines, texts

pytestmark = pytest.mark.simcord(shard_count=1)


async def test_a_member_sees_the_ways_of_asking_and_the_articles_title(
    world: World, engine: StandInEngine
) -> None:
    engine.gives_articles_to(world.scope)
    result = await world.ann.slash(world.channel, "help")
    assert result.ephemeral
    title, promise, ways, commands = texts(result.response)
    assert title == "## How to ask me"
    assert promise.startswith("I answer from **Rules**")
    assert [way in ways for way in ("`/ask`", "Mention", "Reply", "directly", "*Apps*")] == [
        True
    ] * 5
    assert "/settings" not in commands


async def test_a_manager_sees_the_managers_commands_too(world: World) -> None:
    result = await world.manager.slash(world.channel, "help")
    assert (
        texts(result.response)[-1].splitlines()[-1]
        == "-# For managers: `/library`, `/golden`, `/settings` and `/reindex`"
    )


async def test_every_command_that_it_names_exists(world: World) -> None:
    named = {
        word.strip("`/,:")
        for language in LANGUAGES
        for panel in (guide_panel(language, (), manages=True), welcome_panel(language, ()))
        for line in lines(panel)
        for word in line.split()
        if word.startswith("`/")
    }
    assert named == {
        "ask", "article", "status", "privacy", "settings", "library", "golden", "reindex", "help"
    }  # fmt: skip
    offered = {name.split()[0] for name in world.manager.available_commands(world.channel)}
    assert named <= offered


def test_the_menu_entry_is_called_as_it_is() -> None:
    for language in LANGUAGES:
        assert f"*{say(language, 'command.menu.ask')}*" in say(language, "help.way.menu")


def test_a_hostile_title_keeps_the_layout() -> None:
    for panel in (
        guide_panel("de", ("@everyone **x** " * 500,), manages=True),
        welcome_panel("de", ("@everyone **x** " * 500,)),
    ):
        assert panel.content_length() <= 4000
        assert "@everyone" not in "".join(lines(panel)).replace("\\@everyone", "")
