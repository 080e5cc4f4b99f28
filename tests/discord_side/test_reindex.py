"""`/reindex`: for managers, with progress in the message, one at a time, asking goes on."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import discord
import pytest
import simcord

from bot.client import ArticleBot
from bot.errors import Gone, ShuttingDown, words_for
from bot.panels.rehearsal import HELD_S, MOST_HELD, Held, details_panel, rehearsal_panel
from index import LibraryBusy, Replayed, Scope

from .stand_in import (
    SENTENCES,
    StandInEngine,
    World,
    buttons,
    lines,
    runs_outside,
    texts,
    until,
)

pytestmark = pytest.mark.simcord(shard_count=1)


async def test_managers_reindex_their_servers_articles_and_see_the_result(
    world: World, engine: StandInEngine
) -> None:
    engine.gives_articles_to(world.scope)
    result = await world.manager.slash(world.channel, "reindex")
    assert world.callbacks() == [5]
    assert engine.reindexed == [world.scope]
    assert texts(result.response)[0] == "## Re-indexed this server's articles"
    assert "1\u00a0embedded · 2\u00a0reused" in texts(result.response)[-1]


async def test_discord_offers_the_command_to_managers_in_servers_alone(env: simcord.Env) -> None:
    (put,) = [r for r in env.http_requests if r.method == "PUT"]
    (command,) = [command for command in put.json if command["name"] == "reindex"]
    assert (
        int(command["default_member_permissions"]) == discord.Permissions(manage_guild=True).value
    )
    assert command["contexts"] == [0]


async def test_members_without_the_right_do_not_see_it(world: World) -> None:
    assert "reindex" not in world.ann.available_commands(world.channel)
    assert "reindex" in world.manager.available_commands(world.channel)


async def test_who_slips_past_discords_default_is_refused_on_the_server_side(
    world: World, engine: StandInEngine, env: simcord.Env
) -> None:
    engine.gives_articles_to(world.scope)
    commands = await env.bot.tree.fetch_commands()
    (reindex,) = [command for command in commands if command.name == "reindex"]
    world.guild.set_command_permissions(reindex, {world.ann: True})
    result = await world.ann.slash(world.channel, "reindex")
    assert texts(result.response) == [
        "Only people who may manage this server can re-index its articles."
    ]
    assert engine.reindexed == []


async def test_the_managers_of_the_bots_only_server_reindex_the_shared_articles(
    world: World, engine: StandInEngine
) -> None:
    result = await world.manager.slash(world.channel, "reindex")
    assert engine.reindexed == [Scope.shared()]
    assert texts(result.response)[0] == "## Re-indexed the shared articles"


async def test_with_other_servers_the_shared_articles_are_the_owners(
    world: World, engine: StandInEngine, env: simcord.Env, bot: ArticleBot
) -> None:
    env.create_guild("Elsewhere")
    bot.owner_id = world.ann.id  # the application belongs to somebody else
    refused = await world.manager.slash(world.channel, "reindex")
    (words,) = texts(refused.response)
    assert words.startswith("This server has no articles of its own: it reads the shared article")
    assert words.endswith("which only my owner can re-index.")
    assert engine.reindexed == []
    bot.owner_id = world.manager.id
    await world.manager.slash(world.channel, "reindex")
    assert engine.reindexed == [Scope.shared()]


async def test_another_process_at_work_is_told_in_words(
    world: World, engine: StandInEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: Any, **__: Any) -> None:
        raise LibraryBusy("locked by 42")

    monkeypatch.setattr(engine, "rehearse", busy)
    result = await world.manager.slash(world.channel, "reindex")
    assert texts(result.response) == [words_for(LibraryBusy("locked by 42"))]


class TestWhileItRuns:
    @pytest.fixture
    def held(self, env: simcord.Env, engine: StandInEngine, bot: ArticleBot) -> StandInEngine:
        runs_outside(env, bot.chores)
        engine.reindex_gate.clear()
        return engine

    async def finished(self, bot: ArticleBot, env: simcord.Env) -> None:
        await until(lambda: not bot.chores.backlog)
        await env.settle()

    async def test_progress_shows_and_then_gives_way_to_the_result(
        self, world: World, held: StandInEngine, bot: ArticleBot
    ) -> None:
        result = await world.manager.slash(world.channel, "reindex")
        await until(held.at_reindex_gate.is_set)
        await world.env.advance_time(60)
        assert texts(result.response)[0] == "## Re-indexing"
        assert texts(result.response)[1] == (
            "Step 4 of 5: embedding new text\n`████░░░░░░░░` 1\u00a0of\u00a03"
        )
        held.reindex_gate.set()
        await self.finished(bot, world.env)
        assert texts(result.response)[0] == "## Re-indexed the shared articles"

    async def test_a_second_caller_is_told_and_the_first_goes_on(
        self, world: World, held: StandInEngine, bot: ArticleBot
    ) -> None:
        first = await world.manager.slash(world.channel, "reindex")
        second = await world.manager.slash(world.channel, "reindex")
        assert texts(second.response) == ["A re-index is already running; it began just now."]
        held.reindex_gate.set()
        await self.finished(bot, world.env)
        assert texts(first.response)[0] == "## Re-indexed the shared articles"
        assert held.reindexed == [Scope.shared()]

    async def test_questions_are_answered(
        self, world: World, held: StandInEngine, bot: ArticleBot
    ) -> None:
        await world.manager.slash(world.channel, "reindex")
        for _ in range(5):
            result = await world.ann.slash(world.channel, "ask", question="When was it built?")
            assert f"> {SENTENCES[0]}" in texts(result.response)
        assert held.reindexed == []
        held.reindex_gate.set()
        await self.finished(bot, world.env)
        assert held.reindexed == [Scope.shared()]

    async def test_closing_stops_it_unpublished_and_says_so(
        self, world: World, held: StandInEngine, bot: ArticleBot
    ) -> None:
        result = await world.manager.slash(world.channel, "reindex")
        draining = asyncio.create_task(bot.drain())
        await asyncio.sleep(0)
        held.reindex_gate.set()
        assert await draining
        assert texts(result.response) == [words_for(ShuttingDown())]
        assert held.reindexed == []


class TestRehearsal:
    @pytest.fixture
    def losing(self, world: World, engine: StandInEngine) -> StandInEngine:
        engine.gives_articles_to(world.scope)
        lost = (Replayed("When was it built?", "1862", None),)
        engine.rehearsal = replace(engine.rehearsal, changed=("Rules",), unchanged=4, lost=lost)
        return engine

    async def test_what_loses_answers_is_shown_and_waits(
        self, world: World, losing: StandInEngine
    ) -> None:
        result = await world.manager.slash(world.channel, "reindex")
        shown = texts(result.response)
        assert shown[0] == "## This re-index would change answers"
        assert "4 are answered as before" in shown[1]
        assert shown[3] == "**Lost** (1)"
        assert "When was it built?" not in "".join(shown)
        details = await world.manager.click(
            result.response, custom_id=buttons(result.response)["Show them"]
        )
        assert texts(details.response) == [
            "**Lost** (1)\n- When was it built?\n  1862 → *does not say*"
        ]
        assert losing.reindexed == []
        pressed = buttons(result.response)
        await world.manager.click(result.response, custom_id=pressed["Publish"])
        assert losing.reindexed == [world.scope]
        assert texts(result.response)[0] == "## Re-indexed this server's articles"

    async def test_it_can_be_discarded(self, world: World, losing: StandInEngine) -> None:
        result = await world.manager.slash(world.channel, "reindex")
        await world.manager.click(result.response, custom_id=buttons(result.response)["Discard"])
        assert texts(result.response) == ["Discarded. I go on answering from the old text."]
        assert losing.reindexed == []

    async def test_members_cannot_publish_it(self, world: World, losing: StandInEngine) -> None:
        result = await world.manager.slash(world.channel, "reindex")
        await world.ann.click(result.response, custom_id=buttons(result.response)["Publish"])
        assert losing.reindexed == []
        await world.manager.click(result.response, custom_id=buttons(result.response)["Publish"])
        assert losing.reindexed == [world.scope]

    async def test_shared_articles_are_published_by_who_may_rehearse_them(
        self, world: World, engine: StandInEngine, env: simcord.Env, bot: ArticleBot
    ) -> None:
        different = (Replayed("When?", "1862", "1863"),)
        engine.rehearsal = replace(engine.rehearsal, changed=("A",), different=different)
        result = await world.manager.slash(world.channel, "reindex")
        env.create_guild("Elsewhere")  # now only the owner may
        bot.owner_id = world.ann.id
        publish = buttons(result.response)["Publish"]
        await world.manager.click(result.response, custom_id=publish)
        assert engine.reindexed == []
        bot.owner_id = world.manager.id
        await world.manager.click(result.response, custom_id=publish)
        assert engine.reindexed == [Scope.shared()]


def test_rehearsals_are_held_for_an_hour_the_newest_of_each_scope(
    engine: StandInEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held()
    of = [replace(engine.rehearsal, scope=Scope.guild(n)) for n in range(1, MOST_HELD + 2)]
    names = [held.keep(rehearsal) for rehearsal in of]
    with pytest.raises(Gone):
        held.get(names[0])
    assert held.get(names[1]) is of[1]
    newer = held.keep(replace(of[1], unchanged=7))
    with pytest.raises(Gone):
        held.get(names[1])
    assert held.get(newer).unchanged == 7
    later = time.monotonic() + HELD_S + 1
    monkeypatch.setattr("bot.panels.rehearsal.time.monotonic", lambda: later)
    with pytest.raises(Gone):
        held.get(names[2])


async def test_a_rehearsal_can_be_published_after_a_passing_failure(
    world: World, engine: StandInEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.gives_articles_to(world.scope)
    engine.rehearsal = replace(engine.rehearsal, lost=(Replayed("When?", "1862", None),))
    result = await world.manager.slash(world.channel, "reindex")
    publish = buttons(result.response)["Publish"]

    def busy(*_: Any, **__: Any) -> None:
        raise LibraryBusy("locked")

    with monkeypatch.context() as patched:
        patched.setattr(engine, "promote", busy)
        await world.manager.click(result.response, custom_id=publish)
    assert engine.reindexed == []
    await world.manager.click(result.response, custom_id=publish)
    assert engine.reindexed == [world.scope]


@pytest.mark.parametrize("language", [None, "de"])
def test_a_rehearsal_fits_a_message(language: str | None, engine: StandInEngine) -> None:
    evil = "@everyone **x** [a](http://b.example) `" * 50
    many = (Replayed(evil, evil, evil),) * 50
    worst = replace(engine.rehearsal, changed=(evil,) * 50, better=many, lost=many, different=many)
    for panel in (rehearsal_panel(language, worst, "0" * 16), details_panel(language, worst)):
        assert panel.content_length() <= 4000
        assert "](http://" not in "".join(lines(panel))
