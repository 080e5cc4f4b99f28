"""`/article`: what it is, how fresh, and questions to start with that it really answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import discord
import pytest
import simcord

from bot.client import ArticleBot, BotOptions
from bot.i18n import LANGUAGES, say
from bot.panels.article import About, Starter, article_panel, library_panel
from bot.starters import FOR_BUNDLED, LONGEST, proposed
from index import Article, Engine, Scope

from .stand_in import World, buttons, lines, texts

pytestmark = pytest.mark.simcord(shard_count=1)

ADDED = datetime(2026, 3, 1, 12, tzinfo=UTC)
HANDBOOK = (
    b"The harbour was opened in 1911. The harbour lies in Aldra.\n\n"
    b"Its master is Ann Berg, the daughter of a pilot. Ann Berg keeps two boats in Aldra.\n\n"
    b"Boats pay forty crowns. On Monday the crane rests."
)


def article(source: str = "/srv/secret/notes.md", **changes: object) -> Article:
    values = {
        "scope": Scope.shared(), "id": 3, "version": 1, "title": "Notes", "source": source,
        "media_type": "text/markdown", "content_hash": "0", "characters": 6000, "added_at": ADDED,
    }  # fmt: skip
    return Article(**{**values, **changes})


def links(panel: discord.ui.LayoutView) -> list[str | None]:
    return [
        item.url
        for item in panel.walk_children()
        if isinstance(item, discord.ui.Button) and item.url
    ]


class TestWhatItSays:
    def test_title_source_date_size_and_questions(self) -> None:
        about = About(article(), paragraphs=18, starters=("Who is Ann?", "When was it?"))
        stamp = int(ADDED.timestamp())
        panel = article_panel(None, about)
        assert lines(panel) == [
            "## Notes",
            "From notes.md",
            f"-# Added on <t:{stamp}:D>, <t:{stamp}:R>\n"
            "-# 18\u00a0paragraphs · about\u00a05\u00a0minutes\u00a0to\u00a0read",
            "**Questions to start with**",
        ]
        starters = [item.item for item in panel.walk_children() if isinstance(item, Starter)]
        assert [(button.label, button.custom_id) for button in starters] == [
            ("Who is Ann?", "starter:shared:3:0"),
            ("When was it?", "starter:shared:3:1"),
        ]

    @pytest.mark.parametrize(
        ("source", "words"),
        [
            ("configured:bundled", "From the article that comes with me"),
            ("configured:/srv/secret/report.md", "From report.md"),
            ("C:\\secret\\report.md", "From report.md"),
            ("upload:Rules", "From an uploaded text"),
            ("https://example.org/a?b=1", "From example.org"),
        ],
    )
    def test_the_source_is_named_without_the_folders_of_the_machine(
        self, source: str, words: str
    ) -> None:
        panel = article_panel(None, About(article(source)))
        assert lines(panel)[1].replace("\\.", ".") == words
        assert "secret" not in "".join(lines(panel))

    def test_a_source_on_the_web_can_be_opened(self) -> None:
        url = "https://example.org/a?b=1"
        assert links(article_panel(None, About(article(url)))) == [url]
        for other in ("javascript:alert(1)", "https://exa mple.org", "https://[", "file:///etc"):
            assert links(article_panel(None, About(article(other)))) == []

    def test_a_text_that_has_changed_says_its_version(self) -> None:
        panel = article_panel(None, About(article(version=3)))
        assert "now in version 3" in lines(panel)[2]

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_hostile_titles_keep_discords_limits(self, language: str) -> None:
        evil = article("/x/" + "@everyone [x](https://evil.example) " * 90, title="**x** " * 900)
        about = About(evil, starters=("?" * LONGEST,) * 3)
        for panel in (article_panel(language, about), library_panel(language, (evil,) * 300)):
            assert panel.content_length() <= 4000
            assert panel.total_children_count <= 40
            assert "](" not in "".join(lines(panel)).replace("\\](", "")


class TestQuestionsToStartWith:
    def test_they_come_from_what_the_sentences_say(self) -> None:
        sentences = ["The harbour was opened in 1911.", "Its master is Ann Berg, the daughter."]
        assert proposed(article(), sentences) == [
            "When was the harbour opened?",
            "Who or what is Ann Berg?",
            "What does the article say about Ann Berg?",
        ]

    def test_days_and_long_names_make_none(self) -> None:
        assert (
            proposed(article(), ["It rests on Monday.", "We met " + "Very" * 20 + " Long."]) == []
        )

    def test_a_button_can_hold_every_one(self) -> None:
        names = ["The " + "a" * 39 + " was built in 1900.", "We saw " + "Ab " * 30 + "."]
        assert all(len(question) <= LONGEST for question in proposed(article(), names))
        assert all(len(question) <= LONGEST for question in FOR_BUNDLED)

    def test_the_bundled_articles_are_answered_by_it(self, library: Engine) -> None:
        answers = [library.ask(Scope.shared(), question) for question in FOR_BUNDLED]
        assert [answer.answered for answer in answers] == [True, True, True]


class TestOnDiscord:
    """With the real engine: what is offered must be answered."""

    @pytest.fixture
    def engine(self, library: Engine) -> Engine:
        return library

    @pytest.fixture
    def bot(self, engine: Engine, options: BotOptions) -> ArticleBot:
        return ArticleBot(engine, options)

    @pytest.fixture
    def handbook(self, world: World, engine: Engine) -> Iterator[Article]:
        yield engine.add(world.scope, HANDBOOK, media_type="text/plain", title="Handbook")
        engine.forget(world.scope)

    async def test_it_shows_the_only_article_and_a_press_asks_and_answers(
        self, world: World
    ) -> None:
        result = await world.ann.slash(world.channel, "article")
        assert texts(result.response)[0].startswith("## China courts its tech giants again")
        assert list(buttons(result.response)) == list(FOR_BUNDLED)
        pressed = await world.manager.click(result.response, label="Who is the mayor of Beijing?")
        assert "Yin Yong" in "\n".join(texts(pressed.response))
        assert "Who is the mayor of Beijing?" in texts(pressed.response)[0]
        assert texts(result.response)[0].startswith("## China courts")

    async def test_a_press_works_after_a_restart(
        self, world: World, engine: Engine, options: BotOptions
    ) -> None:
        result = await world.ann.slash(world.channel, "article")
        await world.env.restart_bot(ArticleBot(engine, options))
        pressed = await world.manager.click(result.response, label=FOR_BUNDLED[2])
        assert "Yin Yong" in "\n".join(texts(pressed.response))

    async def test_of_several_it_lists_all_and_tells_more_about_the_one_that_is_named(
        self, world: World, handbook: Article
    ) -> None:
        listed = await world.ann.slash(world.channel, "article")
        assert texts(listed.response)[0] == "## 2 articles"
        assert "- Handbook · added <t:" in texts(listed.response)[1]
        choices = await world.ann.autocomplete(world.channel, "article", "article", "hand")
        assert [choice["name"] for choice in choices] == ["Handbook"]
        for name in (choices[0]["value"], "handbook", "hand"):
            shown = await world.ann.slash(world.channel, "article", article=name)
            assert texts(shown.response)[0] == "## Handbook"
        assert next(iter(buttons(shown.response))) == "When was the harbour opened?"
        pressed = await world.ann.click(shown.response, label="When was the harbour opened?")
        assert "1911" in "\n".join(texts(pressed.response))

    async def test_a_name_that_no_article_has_is_told(self, world: World) -> None:
        result = await world.ann.slash(world.channel, "article", article="nothing of the kind")
        said = [message for message in (result.response, *result.followups) if message]
        assert say(None, "ask.no_such_article") in texts(said[-1])

    async def test_a_question_to_an_article_that_is_gone_is_told_and_not_asked(
        self, world: World, engine: Engine, bot: ArticleBot, handbook: Article
    ) -> None:
        shown = await world.ann.slash(world.channel, "article", article="Handbook")
        engine.remove(world.scope, handbook.id)
        bot.known.forget(world.scope)
        pressed = await world.ann.click(shown.response, label="When was the harbour opened?")
        assert texts(pressed.response) == [say(None, "error.article.gone")]
        assert pressed.ephemeral

    async def test_another_servers_article_cannot_be_asked_by_a_forged_button(
        self, world: World, env: simcord.Env, handbook: Article
    ) -> None:
        guild = env.create_guild("Elsewhere")
        elsewhere = guild.create_text_channel("general")
        view = discord.ui.LayoutView()
        row: discord.ui.ActionRow = discord.ui.ActionRow()
        row.add_item(Starter.build(handbook, 0, "When was the harbour opened?"))
        view.add_item(row)
        message = await env.bot.get_channel(elsewhere.id).send(view=view)
        await env.settle()
        ben = guild.add_member(env.create_user("ben"))
        pressed = await ben.click(message, label="When was the harbour opened?")
        assert texts(pressed.response) == [say(None, "error.article.gone")]
