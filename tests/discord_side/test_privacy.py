"""`/privacy`: what is kept about the asker, deleted by them alone after a second thought."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.client import ArticleBot, BotOptions
from bot.i18n import LANGUAGES, say
from bot.panels.privacy import confirm_panel, deleted_panel, privacy_panel
from index import Kept, Scope

from .stand_in import StandInEngine, World, answer_of, buttons, lines, not_said, quote_of, texts

pytestmark = pytest.mark.simcord(shard_count=1)


@pytest.fixture
def kept(world: World, engine: StandInEngine) -> Kept:
    """Ann asked twice, once without an answer, in two servers; she and Mia rated an answer."""
    first = engine.journal.record(world.scope, world.ann.id, answer_of(quote_of("It is so.")))
    unknown = replace(not_said(), question="And why?")
    engine.journal.record(Scope.guild(5), world.ann.id, unknown)
    engine.journal.rate(world.scope, first.id, world.ann.id, "up")
    others = engine.journal.record(world.scope, world.manager.id, not_said())
    engine.journal.rate(world.scope, others.id, world.manager.id, "down")
    return Kept(answers=2, questions=1, ratings=1)


async def test_who_has_asked_nothing_is_told_so_and_has_nothing_to_delete(world: World) -> None:
    result = await world.ann.slash(world.channel, "privacy")
    assert result.ephemeral
    assert texts(result.response)[1] == "Nothing at the moment."
    assert buttons(result.response) == {}


async def test_it_counts_what_is_kept_over_all_servers_and_nobody_elses(
    world: World, kept: Kept
) -> None:
    result = await world.ann.slash(world.channel, "privacy")
    assert texts(result.response)[1].splitlines() == [
        "- **2** answers to you",
        "- **1** of your questions in your own words",
        "- **1** rating of yours",
    ]


async def test_deleting_needs_a_second_press_and_takes_only_ones_own(
    world: World, engine: StandInEngine, kept: Kept
) -> None:
    result = await world.ann.slash(world.channel, "privacy")
    await world.ann.click(result.response, label="Delete all of it")
    assert texts(result.response)[0].startswith("**Delete all of it, everywhere?**")
    assert engine.journal.kept_about(world.ann.id) == kept
    await world.ann.click(result.response, label="Yes, delete it")
    assert texts(result.response)[0] == "## Deleted"
    assert buttons(result.response) == {}
    assert engine.journal.kept_about(world.ann.id) == Kept(0, 0, 0)
    assert engine.journal.kept_about(world.manager.id) == Kept(1, 1, 1)


async def test_on_second_thought_all_of_it_stays(
    world: World, engine: StandInEngine, kept: Kept
) -> None:
    result = await world.ann.slash(world.channel, "privacy")
    await world.ann.click(result.response, label="Delete all of it")
    await world.ann.click(result.response, label="Keep it")
    assert texts(result.response) == ["Nothing was deleted."]
    assert engine.journal.kept_about(world.ann.id) == kept


async def test_the_buttons_work_after_a_restart(
    world: World, engine: StandInEngine, options: BotOptions, kept: Kept
) -> None:
    result = await world.ann.slash(world.channel, "privacy")
    await world.env.restart_bot(ArticleBot(engine, options))
    await world.ann.click(result.response, label="Delete all of it")
    await world.ann.click(result.response, label="Yes, delete it")
    assert engine.journal.kept_about(world.ann.id) == Kept(0, 0, 0)


async def test_what_was_said_before_is_forgotten_too(world: World, engine: StandInEngine) -> None:
    await world.ann.slash(world.channel, "ask", question="When was the lighthouse built?")
    result = await world.ann.slash(world.channel, "privacy")
    await world.ann.click(result.response, label="Delete all of it")
    await world.ann.click(result.response, label="Yes, delete it")
    await world.ann.slash(world.channel, "ask", question="And its keeper?")
    assert not engine.told[-1]["history"]


async def test_it_works_in_a_direct_message(world: World, kept: Kept) -> None:
    result = await world.ann.user.slash("privacy")
    assert texts(result.response)[1].startswith("- **2** answers to you")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_keeps_discords_limits(language: str) -> None:
    much = Kept(10**9, 10**9, 10**9)
    for panel in (
        privacy_panel(language, much),
        confirm_panel(language),
        deleted_panel(language, much),
    ):
        assert panel.content_length() <= 4000
    assert lines(privacy_panel("de", much))[0] == say("de", "privacy.title")
