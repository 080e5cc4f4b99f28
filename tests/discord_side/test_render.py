"""What a message says, and that it stays inside Discord's limits whatever it must hold."""

from __future__ import annotations

from dataclasses import replace

import discord
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import render
from index import Answer, Kind, Scope

from .stand_in import SENTENCES, TITLE, answer_of, lines, not_said, quote_of, report_of

HOSTILE = (
    "@everyone <@1234567890123456789> [x](https://evil.example) ```"
    "\u202e\u200b\u3164# **\n> - " + "a" * 500
)


def colour(view: discord.ui.LayoutView) -> int:
    (container,) = view.children
    return container.accent_colour.value


def fits(view: discord.ui.LayoutView) -> bool:
    return view.content_length() <= 4000 and view.total_children_count <= 40


def test_a_short_answer_comes_first_then_its_sentence_with_it_in_bold_then_its_place() -> None:
    view = render.answer_view(answer_of(quote_of(SENTENCES[1], 2), "Ann"))
    assert lines(view) == [
        "### Ann",
        "> Its keeper is called **Ann**.",
        f"-# **{TITLE}** · paragraph 2 of 3 · very sure (92 %)",
    ]


def test_a_sentence_that_is_the_answer_is_not_said_twice() -> None:
    view = render.answer_view(answer_of(quote_of(SENTENCES[0])))
    assert lines(view)[:-1] == [f"> {SENTENCES[0]}"]


def test_the_question_stands_above_where_readers_cannot_see_it() -> None:
    view = render.answer_view(answer_of(quote_of(SENTENCES[0])), asked="When *built*?")
    assert lines(view)[0] == r"-# When \*built\*?"


@pytest.mark.parametrize(
    ("confidence", "words"),
    [
        (1.0, "very sure (99 %)"),
        (0.9, "very sure (90 %)"),
        (0.89, "sure (89 %)"),
        (0.6, "fairly sure (60 %)"),
        (0.1, "not sure (10 %)"),
    ],
)
def test_confidence_is_told_in_words_and_percent(confidence: float, words: str) -> None:
    view = render.answer_view(answer_of(quote_of(SENTENCES[0]), confidence=confidence))
    assert lines(view)[-1].endswith(f"· {words}")


def test_the_accent_colour_follows_the_words() -> None:
    seen = {
        colour(render.answer_view(answer_of(quote_of(SENTENCES[0]), confidence=c)))
        for c in (0.95, 0.8, 0.6, 0.2)
    }
    assert len(seen) == 4


def test_not_said_says_so_and_names_the_article() -> None:
    assert lines(render.answer_view(not_said())) == [
        "### The article does not say",
        f"Nothing in **{TITLE}** answers this well enough to quote.",
        "-# not sure (10 %); I answer from 50 % on",
    ]


def test_a_greeting_gets_help_with_the_articles_title() -> None:
    view = render.answer_view(not_said(Kind.CHAT))
    assert lines(view)[0] == f"### Ask me about **{TITLE}**"
    assert "`/ask`" in lines(view)[-1]


def test_an_answer_of_several_quotes_shows_each_as_its_own_quote() -> None:
    quotes = (quote_of(SENTENCES[0], 1), quote_of(SENTENCES[2], 3))
    answer = replace(
        answer_of(quotes[0]), kind=Kind.SENTENCES, quotes=quotes, text="1862 and 40 km"
    )
    assert lines(render.answer_view(answer))[:3] == [
        "### 1862 and 40 km",
        f"> {SENTENCES[0]}",
        f"> {SENTENCES[2]}",
    ]


def test_progress_shows_stage_bar_and_counts() -> None:
    assert lines(render.progress_view("embedding", 600, 1200))[:2] == [
        "### Re-indexing: embedding",
        "`▰▰▰▰▰▰▱▱▱▱▱▱` 600 of 1,200",
    ]
    assert lines(render.progress_view("waiting", 0, 0))[1] == "`▱▱▱▱▱▱▱▱▱▱▱▱`"


def test_a_report_tells_counts_changes_failures_time_and_generation() -> None:
    report = report_of(Scope.guild(1), added=("A", "B"), failed=(("c_d.md", "no *text*"),))
    view = render.report_view(report, shared=False)
    assert lines(view) == [
        "### Re-indexed this server's articles",
        "\n".join(
            [
                "1 article, 3 passages · 1 embedded, 2 reused",
                "**Added** (2): A; B",
                f"**Changed** (1): {TITLE}",
                r"**Failed** (1): c\_d.md: no \*text\*",
            ]
        ),
        "-# 0.2 s · generation g7",
    ]


def test_a_report_on_many_articles_names_the_first_ones_and_counts_the_rest() -> None:
    report = report_of(Scope.shared(), changed=(), added=tuple("abcdefghij"))
    assert (
        "**Added** (10): a; b; c; d; e; f; g; h; and 2 more"
        in lines(render.report_view(report, shared=True))[1]
    )


def hostile_views(text: str) -> list[discord.ui.LayoutView]:
    quotes = tuple(replace(quote_of(text), article=text) for _ in range(20))
    span = answer_of(quotes[0], text[len(text) // 3 :] or None)
    many = replace(span, kind=Kind.LIST, quotes=quotes, text=text)
    names = (text,) * 30
    pairs = tuple((name, name) for name in names)
    report = report_of(
        Scope.shared(), generation=text, added=names, changed=names, removed=names, failed=pairs
    )
    answers: list[Answer] = [span, many]
    return [
        *(render.answer_view(answer, asked=text) for answer in answers),
        render.help_view(text, asked=text),
        render.notice(text, asked=text),
        render.progress_view(text, 1, 2),
        render.report_view(report, shared=True),
    ]


@pytest.mark.parametrize("text", [HOSTILE, HOSTILE * 20, "😀" * 5000, "*" * 10_000, "a" * 10_000])
def test_hostile_text_keeps_every_limit_and_makes_no_markup(text: str) -> None:
    for view in hostile_views(text):
        assert fits(view)
        everything = "\n".join(lines(view))
        assert "](" not in everything.replace("\\](", "")
        assert not {"\u202e", "\u200b", "\u3164"} & set(everything)
        assert "```" not in everything
        assert "<@" not in everything
        assert "@everyone" not in everything.replace("\\@everyone", "")


@settings(max_examples=40, deadline=None)
@given(st.text(min_size=1, max_size=2000))
def test_any_text_keeps_every_limit(text: str) -> None:
    assert all(fits(view) for view in hostile_views(text))
