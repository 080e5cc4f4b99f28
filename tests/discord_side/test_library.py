"""`/library`: adding, listing, removing with undo, refreshing; for managers, and for no path."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import discord
import pytest
import simcord

from bot.i18n import say
from bot.markdown import fit
from bot.panels.library import added_panel, info_panel, list_panel
from index import Added, Article, Check, Feed, Published, Scope, SourceError

from .stand_in import StandInEngine, World, article_of, buttons, lines, texts

pytestmark = pytest.mark.simcord(shard_count=1)

NOW = datetime(2026, 11, 1, tzinfo=UTC)


async def test_a_page_is_added_for_this_server_alone(world: World, engine: StandInEngine) -> None:
    result = await world.manager.slash(world.channel, "library add", url="https://a.example/rules")
    assert engine.added == [(world.scope, "https://a.example/rules", None)]
    assert texts(result.response) == [
        "## Added one article",
        "- rules",
        "-# I answer from it from now on.\n-# This server has one article now.",
    ]
    assert result.response is not None
    assert result.response.ephemeral


async def test_a_file_is_added_by_its_name(world: World, engine: StandInEngine) -> None:
    file = ("notes.md", b"# Notes\n\nThe keeper is Ann.")
    await world.manager.slash(world.channel, "library add", file=file, title="Ann's notes")
    assert engine.added == [(world.scope, b"# Notes\n\nThe keeper is Ann.", "Ann's notes")]


@pytest.mark.parametrize("given", [{}, {"url": "https://a.example/", "file": True}])
async def test_one_source_is_asked_for(world: World, engine: StandInEngine, given: dict) -> None:
    if "file" in given:
        given["file"] = ("a.txt", b"words")
    result = await world.manager.slash(world.channel, "library add", **given)
    assert texts(result.response) == ["Give either an address or a file."]
    assert engine.added == []


async def test_why_a_source_cannot_be_read_is_told(world: World, engine: StandInEngine) -> None:
    engine.failure = SourceError("There is no page at https://a.example/ (404). Check it.")
    result = await world.manager.slash(world.channel, "library add", url="https://a.example/")
    assert texts(result.response) == [fit(str(engine.failure), 200)]


async def test_members_without_the_right_neither_see_nor_use_it(
    world: World, engine: StandInEngine, env: simcord.Env
) -> None:
    assert not any(
        name.startswith("library") for name in world.ann.available_commands(world.channel)
    )
    commands = await env.bot.tree.fetch_commands()
    (library,) = [command for command in commands if command.name == "library"]
    world.guild.set_command_permissions(library, {world.ann: True})
    result = await world.ann.slash(world.channel, "library add", url="https://a.example/")
    assert "manage this server" in texts(result.response)[0]
    assert engine.added == []


async def test_the_list_turns_its_pages(world: World, engine: StandInEngine) -> None:
    engine.owned[world.scope] = [
        article_of(world.scope, number, f"Rule {number}") for number in range(1, 20)
    ]
    result = await world.manager.slash(world.channel, "library list")
    assert texts(result.response)[0] == "## This server's 19 articles"
    assert "**19** · Rule 19" in texts(result.response)[1]
    assert "Rule 11\n" not in texts(result.response)[1]
    pages = buttons(result.response)
    assert pages["1 of 3"] == "shelf:here"
    turned = await world.manager.click(result.response, custom_id=pages["▶"])
    del turned
    assert "**11** · Rule 11" in texts(result.response)[1]
    assert "2 of 3" in buttons(result.response)


async def test_a_removal_can_be_undone(world: World, engine: StandInEngine) -> None:
    engine.gives_articles_to(world.scope)
    result = await world.manager.slash(world.channel, "library remove", article="rules")
    assert texts(result.response)[0] == "Removed **Rules**. I no longer answer from it."
    assert engine.owned[world.scope] == []
    await world.manager.click(result.response, custom_id=buttons(result.response)["Undo"])
    assert [article.title for article in engine.owned[world.scope]] == ["Rules"]
    assert texts(result.response) == ["**Rules** is back."]


async def test_one_article_or_all_are_refreshed(world: World, engine: StandInEngine) -> None:
    engine.gives_articles_to(world.scope)
    await world.manager.slash(world.channel, "library refresh")
    await world.manager.slash(world.channel, "library refresh", article="rules")
    assert engine.reindexed == [world.scope, world.scope]
    assert [only and only.title for only in engine.refreshed] == [None, "Rules"]


async def test_a_feed_is_watched_until_it_is_not(world: World, engine: StandInEngine) -> None:
    check = Check(NOW, failing_since=NOW, failures=2, reason="It answers with 503.")
    engine.watched[world.scope] = [
        Feed(world.scope, 1, "https://a.example/feed", (), Check(NOW)),
        Feed(world.scope, 2, "https://b.example/feed", (), check),
    ]
    result = await world.manager.slash(world.channel, "library feeds")
    shown = everything(result.response)
    assert "a.example/feed\n-# read <t:" in shown
    assert "⚠ cannot be read since" in shown
    assert "It answers with 503." in shown
    custom_id = f"unwatch:{world.scope}:1"
    await world.manager.click(result.response, custom_id=custom_id)
    assert [feed.id for feed in engine.feeds(world.scope)] == [2]
    assert "a.example" not in everything(result.response)
    await world.manager.click(result.response, custom_id=f"unwatch:{world.scope}:2")
    assert texts(result.response) == [say(None, "library.feeds.none")]


async def test_an_earlier_state_is_gone_back_to(world: World, engine: StandInEngine) -> None:
    engine.gives_articles_to(world.scope)
    engine.published = [
        Published("00000003-abcd", NOW, True, ((9, 2, "Rules"),)),
        Published("00000002-abcd", NOW, False, ((9, 1, "Rules"), (8, 1, "Old"))),
    ]
    result = await world.manager.slash(world.channel, "library rollback")
    shown = everything(result.response)
    assert "2 articles\n-# Rules, Old" in shown
    custom_id = f"rollback:{world.scope}:00000002-abcd"
    await world.manager.click(result.response, custom_id=custom_id)
    assert engine.rolled_back == ["00000002-abcd"]
    assert texts(result.response)[0] == "## Gone back: one article answers"


async def test_a_state_that_is_no_longer_kept_is_told(world: World, engine: StandInEngine) -> None:
    engine.published = [
        Published("00000003-abcd", NOW, True, ()),
        Published("00000002-abcd", NOW, False, ()),
    ]
    result = await world.manager.slash(world.channel, "library rollback")
    engine.published = []
    pressed = await world.manager.click(
        result.response, custom_id=f"rollback:{world.scope}:00000002-abcd"
    )
    assert engine.rolled_back == []
    # The progress has given way to what there is, and why it failed is told.
    assert texts(result.response) == [say(None, "library.rollback.none")]
    assert texts(pressed.followups[0]) == [say(None, "error.generation.gone")]


async def test_a_press_counts_in_its_own_server_and_for_managers_alone(
    world: World, engine: StandInEngine
) -> None:
    other = Scope.guild(5)
    for scope in (world.scope, other):
        engine.watched[scope] = [Feed(scope, 1, "https://a.example/feed", (), Check(NOW))]
    engine.published = [
        Published("00000003-abcd", NOW, True, ()),
        Published("00000002-abcd", NOW, False, ()),
    ]
    for presser, custom_id in (
        (world.manager, f"unwatch:{other}:1"),
        (world.manager, f"rollback:{other}:00000002-abcd"),
        (world.ann, f"unwatch:{world.scope}:1"),
        (world.ann, f"rollback:{world.scope}:00000002-abcd"),
    ):
        view = discord.ui.LayoutView(timeout=None)
        button: discord.ui.Button = discord.ui.Button(label="x", custom_id=custom_id)
        view.add_item(discord.ui.ActionRow(button))
        message = await world.env.bot.get_channel(world.channel.id).send(view=view)
        await presser.click(message, custom_id=custom_id)
    assert engine.rolled_back == []
    assert [len(engine.feeds(scope)) for scope in (world.scope, other)] == [1, 1]


def everything(message: discord.Message | simcord.ResponseMessage | None) -> str:
    """All text of a message, that of its sections too."""
    assert message is not None
    if isinstance(message, simcord.ResponseMessage):
        message = message.message
    view = discord.ui.LayoutView.from_message(message)
    return "\n".join(lines(view))


async def test_only_the_servers_own_articles_are_offered(
    world: World, engine: StandInEngine
) -> None:
    engine.gives_articles_to(world.scope)
    engine.owned[Scope.shared()] = [article_of(Scope.shared(), 1, "Shared rules")]
    choices = await world.manager.autocomplete(world.channel, "library remove", "article", "rul")
    assert [choice["name"] for choice in choices] == ["Rules"]
    result = await world.manager.slash(world.channel, "library info", article="Shared rules")
    assert texts(result.response) == [say(None, "ask.no_such_article")]


def article(source: str = "https://a.example/rules", **changes: object) -> Article:
    values = {
        "scope": Scope.guild(1), "id": 4, "version": 2, "title": "Rules", "source": source,
        "media_type": "text/html", "content_hash": "0", "characters": 10, "added_at": NOW,
    }  # fmt: skip
    return Article(**{**values, **changes})


def test_the_state_of_each_is_told() -> None:
    failing = Check(NOW, failing_since=NOW - timedelta(days=2), failures=3, reason="gone (404)")
    view = list_panel(
        None,
        [article(), article("upload:a.txt", id=5), article(id=6)],
        {4: failing, 6: Check(NOW)},
    )
    text = lines(view)[1]
    assert "a.example · ⚠ cannot be read since <t:" in text
    assert "gone (404)" in text
    assert "uploaded; it does not change by itself" in text
    assert "as its source was <t:" in text


@pytest.mark.parametrize("language", [None, "de"])
def test_every_panel_fits_a_message_whatever_it_holds(language: str | None) -> None:
    evil = "@everyone **x** [a](http://b.example) `" + "\u202e" + "y" * 3000
    many = [article(title=evil, id=n, author=evil, published=evil) for n in range(1, 40)]
    checks = {n: Check(NOW, failing_since=NOW, failures=1, reason=evil) for n in range(1, 40)}
    panels = [
        list_panel(language, many, checks, 2),
        info_panel(language, many[0], checks[1]),
        added_panel(language, Added(tuple(many), ((evil, evil),) * 30), total=40),
    ]
    for panel in panels:
        text = "".join(lines(panel))
        assert 0 < len(text) <= 4000
        assert "\u202e" not in text
        assert panel.content_length() <= 4000


def test_a_path_is_no_web_address(tmp_path: Path) -> None:
    """What is typed on Discord never names a file of the bot's machine."""
    from index import Engine, IndexSettings  # noqa: PLC0415

    secret = tmp_path / "secret.txt"
    secret.write_text("The token is 42.")
    with Engine.open(IndexSettings(data_dir=tmp_path / "data", reader="none")) as engine:
        for path in (str(secret), f"file://{secret}", f"configured:{secret}", "upload:x"):
            with pytest.raises(SourceError):
                engine.add_page(Scope.guild(1), path)
        assert engine.articles(Scope.guild(1)) == []


def test_discord_is_told_who_may(env: simcord.Env) -> None:
    (put,) = [r for r in env.http_requests if r.method == "PUT"]
    (command,) = [command for command in put.json if command["name"] == "library"]
    manage = discord.Permissions(manage_guild=True).value
    assert int(command["default_member_permissions"]) == manage
    assert command["contexts"] == [0]


async def test_a_channel_is_bound_to_articles_and_freed_again(
    world: World, engine: StandInEngine
) -> None:
    own = [article_of(world.scope, 1, "Rules"), article_of(world.scope, 2, "Fees")]
    engine.owned[world.scope] = own
    for name in ("Rules", "Fees", "Rules"):
        result = await world.manager.slash(world.channel, "library bind", article=name)
    assert texts(result.response)[1] == "- Rules\n- Fees"
    await world.ann.slash(world.channel, "ask", question="When was it built?")
    assert engine.told[-1]["only"] == own
    await world.ann.send(world.channel, f"{world.mention} When was it built?")
    assert engine.told[-1]["only"] == own
    await world.ann.slash(world.channel, "ask", question="When was it built?", article="Fees")
    assert engine.told[-1]["only"] == own[1]
    other = world.guild.create_text_channel("elsewhere")
    await world.ann.slash(other, "ask", question="When was it built?")
    assert engine.told[-1]["only"] is None
    engine.owned[world.scope] = []
    await world.ann.slash(world.channel, "ask", question="When was it built?")
    assert engine.told[-1]["only"] is None
    freed = await world.manager.slash(world.channel, "library bind")
    assert "from all articles again" in texts(freed.response)[0]
    assert engine.journal.preferences(world.scope).bound == ()
