"""Joining a server: one hint. Leaving it: its data ends after thirty days, not before."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import discord
import pytest
import simcord

from bot.client import ArticleBot, BotOptions
from bot.cogs.guilds import Guilds
from bot.i18n import say
from bot.servers import FILE_NAME, Servers
from index import LibraryBusy, Scope

from .stand_in import StandInEngine, World, not_said, texts

pytestmark = pytest.mark.simcord(shard_count=1)

GONE = Scope.guild(77)
NOW = datetime.now(UTC)


@pytest.fixture
def cog(bot: ArticleBot, env: simcord.Env) -> Guilds:
    found = bot.get_cog("Guilds")
    assert isinstance(found, Guilds)
    return found


def real(world: World) -> discord.Guild:
    """The server as the bot sees it."""
    guild = world.env.bot.get_guild(world.guild.id)
    assert guild is not None
    return guild


async def joined_anew(world: World, cog: Guilds) -> None:
    """As if the bot had been invited once the channels were there."""
    cog.servers.known.clear()
    await cog.on_guild_join(real(world))


class TestJoining:
    async def test_a_server_gets_one_hint_that_pings_nobody(
        self, world: World, cog: Guilds
    ) -> None:
        await joined_anew(world, cog)
        (hint,) = world.replies()
        assert texts(hint)[0] == say(None, "welcome.title")
        assert hint.flags.silent
        (post,) = world.requests("POST", f"/channels/{world.channel.id}/messages")
        assert post.json["allowed_mentions"] == {"parse": []}
        await cog.on_guild_join(real(world))
        assert len(world.replies()) == 1

    async def test_it_goes_to_the_first_channel_that_the_bot_may_write_in(
        self, world: World, cog: Guilds
    ) -> None:
        second = world.guild.create_text_channel("open")
        await (
            real(world)
            .get_channel(world.channel.id)
            .set_permissions(real(world).default_role, send_messages=False)
        )
        await (
            real(world)
            .get_channel(world.channel.id)
            .set_permissions(real(world).me, send_messages=False)
        )
        await world.env.settle()
        await joined_anew(world, cog)
        assert world.replies() == []
        assert texts(second.history()[-1])[0] == say(None, "welcome.title")

    async def test_it_speaks_the_servers_language(
        self, env: simcord.Env, bot: ArticleBot, cog: Guilds
    ) -> None:
        guild = env.create_guild("Hafen", preferred_locale="de")
        channel = guild.create_text_channel("allgemein")
        cog.servers.known.clear()
        await cog.on_guild_join(bot.get_guild(guild.id))
        assert texts(channel.history()[-1])[0] == say("de", "welcome.title")

    async def test_a_server_without_an_open_channel_gets_none(
        self, env: simcord.Env, bot: ArticleBot, cog: Guilds
    ) -> None:
        guild = env.create_guild("Empty")
        await cog.on_guild_join(bot.get_guild(guild.id))
        assert guild.id in cog.servers.known
        assert env.errors == []


class TestLeaving:
    async def test_its_data_is_kept_for_thirty_days_and_then_deleted(
        self, world: World, engine: StandInEngine, bot: ArticleBot, cog: Guilds
    ) -> None:
        engine.journal.record(world.scope, 1, not_said())
        await cog.on_guild_remove(real(world))
        assert engine.journal.expired(datetime.now(UTC)) == []
        assert engine.journal.expired(datetime.now(UTC) + timedelta(days=31)) == [world.scope]
        assert engine.journal.tally(world.scope).asked == 1

    async def test_coming_back_keeps_the_data(
        self, world: World, engine: StandInEngine, bot: ArticleBot, cog: Guilds
    ) -> None:
        await cog.on_guild_remove(real(world))
        await cog.on_guild_join(real(world))
        assert engine.journal.expired(datetime.now(UTC) + timedelta(days=31)) == []

    async def test_every_day_what_has_expired_is_deleted_and_what_has_not_stays(
        self, world: World, engine: StandInEngine, cog: Guilds, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engine.journal, "expired", lambda now: [GONE])
        engine.journal.record(world.scope, 1, not_said())
        await cog.clean()
        assert engine.forgotten == [GONE]
        assert engine.journal.tally(world.scope).asked == 1
        cog._delete_expired(datetime.now(UTC) + timedelta(days=31))
        assert engine.journal.tally(world.scope).asked == 0

    async def test_a_server_that_the_bot_is_in_is_never_deleted(
        self, world: World, engine: StandInEngine, cog: Guilds
    ) -> None:
        engine.journal.leave(world.scope)
        cog._delete_expired(datetime.now(UTC) + timedelta(days=31))
        assert engine.forgotten == []
        assert engine.journal.expired(datetime.now(UTC) + timedelta(days=31)) == []

    async def test_a_library_that_is_busy_is_deleted_the_next_time(
        self,
        engine: StandInEngine,
        cog: Guilds,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        def busy(_: Scope) -> None:
            raise LibraryBusy("locked by 42")

        monkeypatch.setattr(engine, "forget", busy)
        engine.journal.leave(GONE)
        monkeypatch.setattr(engine.journal, "expired", lambda now: [GONE])
        with caplog.at_level(logging.WARNING):
            await cog.clean()
        assert "stays until tomorrow" in caplog.text

    async def test_the_daily_task_runs_by_itself(
        self, world: World, engine: StandInEngine, cog: Guilds
    ) -> None:
        assert cog.clean.is_running()
        assert cog.clean.hours == 24


class TestWhileItWasDown:
    @pytest.fixture
    def remembered(self, options: BotOptions) -> Path:
        path = options.data_dir / FILE_NAME
        path.write_text("[77]")
        return path

    async def test_a_server_that_was_left_is_noticed_at_the_start(
        self, remembered: Path, world: World, engine: StandInEngine
    ) -> None:
        assert engine.journal.expired(datetime.now(UTC) + timedelta(days=31)) == [GONE]
        servers = Servers(remembered, {77})
        servers.load()
        assert servers.known == set()

    async def test_a_server_of_long_standing_is_not_greeted_at_a_start(
        self, world: World, cog: Guilds
    ) -> None:
        cog.servers.known.clear()
        await cog.on_ready()
        assert world.replies() == []
        assert cog.servers.known == {world.guild.id}


def test_a_damaged_memory_counts_as_no_server(tmp_path: Path) -> None:
    for content in ("", "[1, ", '{"a": 1}', "[null]", '"x"'):
        (tmp_path / FILE_NAME).write_text(content)
        servers = Servers(tmp_path / FILE_NAME, {5})
        servers.load()
        assert servers.known == set()


def test_a_folder_that_cannot_be_written_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Servers(tmp_path / "missing" / FILE_NAME).save(frozenset({5}))
    assert "cannot remember which servers I am in" in caplog.text
