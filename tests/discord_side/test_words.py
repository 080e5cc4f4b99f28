"""Every sentence stands in the locale files, in every language, and nowhere else."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import discord
import pytest
import simcord
from discord import app_commands

from bot import certainty, i18n
from bot.client import ArticleBot, BotOptions
from bot.cogs.about import PROBE
from bot.i18n import ENGLISH, LANGUAGES, language_of, say, shown, words
from bot.translator import CommandWords, described

from .stand_in import StandInEngine

BOT = Path(i18n.__file__).parent
ENGLISH_WORDS = words(ENGLISH)
OTHERS = [language for language in LANGUAGES if language != ENGLISH]
ON_DISCORD = sorted(
    path
    for path in BOT.rglob("*.py")
    if path.name in {"card.py", "render.py", "views.py", "asking.py", "pressing.py"}
    or path.parent.name in {"cogs", "panels"}
)
"""The modules whose strings people on Discord might see."""

NOT_SHOWN = {PROBE, *(certainty.words(share) for share in (0.1, 0.6, 0.8, 0.95))}
"""What goes to the engine, and the names by which the code knows how sure it is."""


def forms(text: i18n.Text) -> list[str]:
    return list(text.values()) if isinstance(text, dict) else [text]


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def names_of(text: i18n.Text) -> set[str]:
    """The values that a text needs, whatever its form."""
    return set().union(*(placeholders(form) for form in forms(text)))


def strings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("language", OTHERS)
def test_no_text_is_missing_in_any_language_and_none_is_left_over(language: str) -> None:
    assert set(words(language)) == set(ENGLISH_WORDS)


@pytest.mark.parametrize("language", OTHERS)
def test_every_translation_has_the_same_places_for_values(language: str) -> None:
    places = {key: names_of(text) for key, text in words(language).items()}
    assert places == {key: names_of(text) for key, text in ENGLISH_WORDS.items()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_in_two_forms_has_both_and_no_text_is_empty(language: str) -> None:
    for key, text in words(language).items():
        if isinstance(text, dict):
            assert (key, set(text)) == (key, {"one", "other"})
        assert all(form.strip() for form in forms(text)), key


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_is_one(language: str) -> None:
    """What is alike in both languages is a number, a name or a unit, and few words at all."""
    alike = [key for key, text in words(language).items() if text == ENGLISH_WORDS[key]]
    letters = {
        key: re.sub(r"{\w+}|[^a-zA-Z ]", "", " ".join(forms(ENGLISH_WORDS[key]))) for key in alike
    }
    assert {key: text for key, text in letters.items() if len(text.split()) > 2} == {}


def test_every_text_is_used_and_every_key_that_is_used_exists() -> None:
    """A key is written out where it is used, or begins so in an f-string."""
    sources = [path.read_text("utf-8") for path in BOT.rglob("*.py")]
    written = {text for path in BOT.rglob("*.py") for text in strings(path)}
    begun = set(re.findall(r"""f["']([a-z_.]+\.){""", "\n".join(sources)))
    described_as = {
        f"command.{name}"
        for source in sources
        for name in re.findall(r'described\("([a-z_.]+)"\)', source)
    }
    unused = {
        key
        for key in ENGLISH_WORDS
        if key not in written | described_as and not any(key.startswith(start) for start in begun)
    }
    assert unused == set()
    said = {
        key
        for source in sources
        for key in re.findall(r'say\(\s*[\w.]+,\s*"([^"]+)"', source)
        + re.findall(r'(?:NotAllowed|AlreadyRunning|Gone|BadNumber)\(\s*"([^"]+)"', source)
    }
    assert len(said) > 50
    assert (said | described_as) - set(ENGLISH_WORDS) == set()


@pytest.mark.parametrize("path", ON_DISCORD, ids=lambda path: path.stem)
def test_no_sentence_for_people_is_written_in_the_code(path: Path) -> None:
    """Docstrings, log lines, assertions and what is raised for programmers aside."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):  # a string as a statement is a docstring
            node.body = [
                line
                for line in body
                if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
            ]
    ignored = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise | ast.Assert | ast.Subscript | ast.AnnAssign)
        or (isinstance(node, ast.Call) and ast.unparse(node.func).startswith(("log.", "re.")))
        for inner in ast.walk(node)
    }
    sentences = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in ignored
        and re.search(r"[A-Za-z]{2,} [a-z]{2,}", node.value)
    ]
    assert set(sentences) - NOT_SHOWN == set()


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("de", "de"),
        (discord.Locale.german, "de"),
        ("de-AT", "de"),
        (discord.Locale.american_english, "en"),
        ("fr", "en"),
        (None, "en"),
        ("", "en"),
    ],
)
def test_a_language_that_is_not_spoken_is_answered_in_english(
    locale: object, language: str
) -> None:
    assert language_of(locale) == language


def test_numbers_are_written_the_local_way_and_other_values_as_they_are() -> None:
    assert [shown("de", value) for value in (1234567, 1234.56, "1234", True)] == [
        "1.234.567",
        "1.234,6",
        "1234",
        "True",
    ]
    assert [shown("en", value) for value in (1234567, 1234.56)] == ["1,234,567", "1,234.6"]


def test_a_text_takes_the_form_that_its_count_needs() -> None:
    assert say("de", "count.articles", count=1) == "1 Artikel"
    assert say("de", "count.paragraphs", count=1) == "1 Absatz"
    assert say("de", "count.paragraphs", count=1200) == "1.200 Absätze"
    assert say("fr", "count.paragraphs", count=0) == "0 paragraphs"


def test_braces_in_a_value_are_no_places() -> None:
    assert say(None, "help.promise.one", title="{0} {title}").startswith(
        "I answer from **{0} {title}**"
    )


def test_a_key_that_no_language_has_is_an_error() -> None:
    with pytest.raises(KeyError):
        say("de", "no.such.key")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_commands_words_keep_discords_limit(language: str) -> None:
    for key, text in words(language).items():
        if key.startswith("command.menu."):
            assert 1 <= len(str(text)) <= 32, key
        elif key.startswith("command."):
            assert 1 <= len(str(text)) <= 100, key


async def test_discord_is_told_each_translation_and_for_english_none() -> None:
    context = app_commands.TranslationContext(
        app_commands.TranslationContextLocation.other, data=None
    )
    translate = CommandWords().translate
    text = described("ask")
    assert str(text) == say(None, "command.ask")
    assert await translate(text, discord.Locale.german, context) == say("de", "command.ask")
    assert await translate(text, discord.Locale.british_english, context) is None
    assert await translate(text, discord.Locale.french, context) is None
    named = app_commands.locale_str("ask")
    assert await translate(named, discord.Locale.german, context) is None


async def registered(engine: StandInEngine, options: BotOptions) -> list[simcord.HttpLogEntry]:
    """What a start sends to register the commands."""
    bot = ArticleBot(engine, options)
    async with simcord.run(bot, shard_count=1) as env:
        env.backend.application_id = 7
        sent = [request for request in env.http_requests if request.method == "PUT"]
    await bot.close()
    return sent


async def test_commands_go_to_discord_in_every_language_under_the_same_names(
    engine: StandInEngine, options: BotOptions
) -> None:
    (put,) = await registered(engine, options)
    sent = {command["name"]: command for command in put.json}
    assert sent["ask"]["description_localizations"] == {"de": say("de", "command.ask")}
    option = next(each for each in sent["ask"]["options"] if each["name"] == "question")
    assert option["description_localizations"] == {"de": say("de", "command.ask.question")}
    for name, command in sent.items():
        if command["type"] == discord.AppCommandType.chat_input.value:
            assert not command.get("name_localizations"), name
            assert set(command["description_localizations"]) == {"de"}, name
            for each in command.get("options", ()):
                assert set(each["description_localizations"]) == {"de"}, (name, each["name"])


async def test_a_new_translation_is_registered_and_nothing_else_is_sent_twice(
    engine: StandInEngine, options: BotOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(await registered(engine, options)) == 1
    assert len(await registered(engine, options)) == 0

    async def translate(*_: object) -> str:
        return "neu"

    monkeypatch.setattr(CommandWords, "translate", translate)
    assert len(await registered(engine, options)) == 1
