"""`/status`: for everybody, what is indexed, how fresh it is, how the bot is doing."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from discord.utils import format_dt

from bot.i18n import LANGUAGES, say
from bot.panels.status import Status, status_panel
from index import Article, Scope, Tally

from .stand_in import StandInEngine, World, answer_of, lines, not_said, quote_of, texts

pytestmark = pytest.mark.simcord(shard_count=1)

ADDED = datetime(2026, 3, 1, 12, tzinfo=UTC)
STARTED = datetime(2026, 3, 2, tzinfo=UTC)


def article(title: str, number: int = 1, scope: Scope | None = None) -> Article:
    return Article(
        scope or Scope.shared(), number, 1, title, "a.md", "text/markdown", "0", 10,
        ADDED.replace(day=1 + number % 28),
    )  # fmt: skip


def status(**changes: object) -> Status:
    values = {
        "own": (), "shared": (article("The lighthouse"),), "tally": Tally(4, 3, 1, 0, 14.6),
        "gateway_s": 0.0832, "version": "1.2.3", "since": STARTED,
    }  # fmt: skip
    return Status(**{**values, **changes})


def test_it_tells_titles_with_their_age_speed_version_and_start() -> None:
    assert lines(status_panel(None, status())) == [
        "## What I answer from",
        f"**Shared by all servers** (1)\n- The lighthouse · added {format_dt(ADDED.replace(day=2), 'R')}",
        "-# 4 questions here in the last 30 days, 75 % answered\n"
        "-# Answers\u00a0in\u00a015\u00a0ms\u00a0(median) · Discord\u00a0answers\u00a0in\u00a083\u00a0ms\n"
        f"-# Version 1.2.3 · started {format_dt(STARTED, 'R')}",
    ]


def test_what_has_not_been_measured_is_not_told() -> None:
    new = status(tally=Tally(0, 0, 0, 0, None), gateway_s=float("nan"))
    assert lines(status_panel(None, new))[-1] == (
        f"-# Version 1.2.3 · started {format_dt(STARTED, 'R')}"
    )


def test_without_an_article_it_says_so() -> None:
    assert lines(status_panel(None, status(shared=())))[1] == "I have no article yet."


@pytest.mark.parametrize("language", LANGUAGES)
def test_of_many_hostile_titles_it_shows_the_newest_inside_discords_limits(language: str) -> None:
    many = tuple(article(f"{n} @everyone [x](https://evil.example) " * 9, n) for n in range(500))
    panel = status_panel(language, status(own=many, shared=many))
    assert panel.content_length() <= 4000
    text = "\n".join(lines(panel))
    assert say(language, "list.more", count=492) in text
    assert "](" not in text.replace("\\](", "")
    assert "@everyone" not in text.replace("\\@everyone", "")


async def test_everybody_may_ask_for_it_and_sees_the_servers_own_figures(
    world: World, engine: StandInEngine
) -> None:
    engine.gives_articles_to(world.scope)
    engine.journal.record(world.scope, 1, answer_of(quote_of("It is so.")))
    engine.journal.record(Scope.guild(5), 1, not_said())
    result = await world.ann.slash(world.channel, "status")
    assert result.ephemeral
    _, articles, facts = texts(result.response)
    assert articles.startswith("**This server's articles** (1)\n- Rules · added <t:")
    assert facts.startswith("-# One question here in the last 30 days, 100 % answered\n")
    assert re.search(r"^-# Version (\d+\.\d+|dev)\S* · started <t:\d+:R>$", facts, re.MULTILINE)


async def test_an_engine_that_fails_is_told_in_words(
    world: World, engine: StandInEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr(engine, "articles", broken)
    result = await world.ann.slash(world.channel, "status")
    said = [message for message in (result.response, *result.followups) if message]
    assert "Something went wrong on my side (error " in "".join(texts(said[-1]))
