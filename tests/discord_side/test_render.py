"""What a message says, and that it stays inside Discord's limits whatever it must hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import discord
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import render, views
from bot.panels.reindex import progress_panel, report_panel
from index import About, Answer, Fact, Kind, Quote, Record, Scope

from .stand_in import (
    SENTENCES,
    TITLE,
    answer_of,
    lines,
    not_said,
    passage_of,
    quote_of,
    report_of,
)

HOSTILE = (
    "@everyone <@1234567890123456789> [x](https://evil.example) ```"
    "\u202e\u200b\u3164# **\n> - " + "a" * 500
)


def colour(view: discord.ui.LayoutView) -> int:
    (container,) = view.children
    return container.accent_colour.value


def fits(view: discord.ui.LayoutView) -> bool:
    return view.content_length() <= 4000 and view.total_children_count <= 40


def spaced(text: str) -> str:
    """The text with ordinary spaces for those at which no line may break."""
    return text.replace("\u00a0", " ")


def test_a_short_answer_comes_first_then_its_sentence_with_it_in_bold_then_its_place() -> None:
    view = render.answer_view(answer_of(quote_of(SENTENCES[1], 2), "Ann"))
    assert [spaced(line) for line in lines(view)] == [
        "## Ann",
        "> Its keeper is called **Ann**.",
        f"-# {TITLE}\n-# `▁█▁` in the middle · paragraph 2 of 3 · very sure (92 %)",
    ]


def test_a_question_that_was_read_without_its_slips_is_told_as_it_was_read() -> None:
    said = replace(answer_of(quote_of(SENTENCES[1], 2), "Ann"), read_as="Who is the *keeper*?")
    assert lines(render.answer_view(said))[:2] == [r"-# Read as: Who is the \*keeper\*?", "## Ann"]
    assert lines(render.answer_view(said, locale="de"))[0].startswith("-# Gelesen als: Who")
    long = replace(said, read_as="who " * 900)
    assert fits(render.answer_view(long))


def test_a_line_of_facts_breaks_between_the_facts_alone() -> None:
    view = render.answer_view(answer_of(quote_of(SENTENCES[1], 2)))
    facts = lines(view)[-1].splitlines()[-1].removeprefix("-# ")
    assert facts.split(" ") == [
        "`▁█▁`\u00a0in\u00a0the\u00a0middle",
        "·",
        "paragraph\u00a02\u00a0of\u00a03",
        "·",
        "very\u00a0sure\u00a0(92\u00a0%)",
    ]


def test_a_sentence_that_is_the_answer_is_not_said_twice() -> None:
    view = render.answer_view(answer_of(quote_of(SENTENCES[0])))
    assert lines(view)[:-1] == [f"> {SENTENCES[0]}"]


def test_an_answer_too_long_for_a_heading_is_marked_in_its_sentence_alone() -> None:
    part = " ".join(["and on"] * 20)
    view = render.answer_view(answer_of(quote_of(f"It goes on {part} for ever."), part))
    assert lines(view)[:-1] == [f"> It goes on **{part}** for ever."]


def test_a_long_sentence_around_its_answer_is_shortened_more_than_one_that_is_the_answer() -> None:
    quote = quote_of("ANSWER " + "and so on " * 200)
    inside, whole = (
        lines(render.answer_view(a)) for a in (answer_of(quote, "ANSWER"), answer_of(quote))
    )
    assert inside[1].startswith("> **ANSWER** and so on")
    assert len(inside[1]) <= render.EVIDENCE_CHARS + 2
    assert render.EVIDENCE_CHARS < len(whole[0]) <= render.QUOTES_CHARS + 2


def test_sentences_that_fit_together_are_told_in_full_and_others_are_shortened_alike() -> None:
    def shown(*sentences: str) -> list[str]:
        quotes = tuple(quote_of(one, start=2000 * n) for n, one in enumerate(sentences))
        said = replace(answer_of(quotes[0]), kind=Kind.SENTENCES, quotes=quotes)
        view = render.answer_view(replace(said, text=" ".join(sentences)))
        assert fits(view)
        return [line for line in lines(view) if line.startswith("> ")]

    steps = [
        "To do so:",
        f"Pull it {'slowly ' * 60}now.",
        *(f"Wait {n} minutes." for n in range(7)),
    ]
    assert shown(*steps) == [f"> {step}" for step in steps]
    many = shown(*["on and on " * 40] * 30)
    assert len(many) == render.MOST_QUOTES
    assert {len(line) <= render.QUOTES_CHARS // render.MOST_QUOTES + 2 for line in many} == {True}


def test_an_answer_that_is_not_sure_says_so_first() -> None:
    view = render.answer_view(answer_of(quote_of(SENTENCES[1]), "Ann", confidence=0.3))
    assert lines(view)[:2] == ["-# I am not sure, but this may be it:", "## Ann"]


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
    assert spaced(lines(view)[-1]).endswith(f"· {words}")


def test_the_accent_colour_follows_the_words() -> None:
    seen = {
        colour(render.answer_view(answer_of(quote_of(SENTENCES[0]), confidence=c)))
        for c in (0.95, 0.8, 0.6, 0.2)
    }
    assert len(seen) == 4


def test_not_said_says_so_and_names_the_article_and_what_was_needed() -> None:
    assert [spaced(line) for line in lines(render.answer_view(not_said()))] == [
        "## The article does not say",
        "Nothing there answers this well enough to quote. Other words may help.",
        f"-# {TITLE}\n-# Best match: 10 % sure · 50 % needed",
    ]


def test_a_match_that_just_misses_never_looks_like_enough() -> None:
    view = render.answer_view(not_said(confidence=0.4999))
    assert spaced(lines(view)[-1]).endswith("Best match: 49 % sure · 50 % needed")


def test_not_said_by_several_articles_names_none() -> None:
    passages = not_said().passages
    other = replace(passages[0], passage=replace(passages[0].passage, article="Rules"))
    view = render.answer_view(replace(not_said(), passages=(*passages, other)))
    assert lines(view)[0] == "## The articles do not say"
    assert spaced(lines(view)[-1]) == "-# Best match: 10 % sure · 50 % needed"


def test_a_greeting_gets_help_with_the_articles_title() -> None:
    view = render.answer_view(not_said(Kind.CHAT))
    assert lines(view)[0] == "## Ask me a question"
    assert lines(view)[1].startswith(f"I answer from **{TITLE}**, in its own words.")
    assert "`/ask`" in lines(view)[-1]


def test_help_names_no_article_where_there_are_several() -> None:
    assert lines(render.help_view("A", "B")) == lines(render.help_view())
    assert "my articles" in lines(render.help_view())[1]


class TestSeveralQuotes:
    def answer(self, *quotes: Quote) -> Answer:
        return replace(
            answer_of(quotes[0]), kind=Kind.SENTENCES, quotes=quotes, text="1862 and 40 km"
        )

    def shown(self, *quotes: Quote) -> list[str]:
        return [spaced(line) for line in lines(render.answer_view(self.answer(*quotes)))]

    def test_each_of_one_article_has_its_paragraph(self) -> None:
        assert self.shown(quote_of(SENTENCES[0], 1), quote_of(SENTENCES[2], 3)) == [
            "## 1862 and 40 km",
            f"> {SENTENCES[0]}\n-# Paragraph 1 of 3",
            f"> {SENTENCES[2]}\n-# Paragraph 3 of 3",
            f"-# {TITLE}\n-# `█▁█` in several places · very sure (92 %)",
        ]

    def test_the_answer_is_in_bold_in_whichever_holds_it(self) -> None:
        before, holding = quote_of("It was dark.", 2, start=80), quote_of(SENTENCES[1], 2)
        said = replace(answer_of(holding, "Ann"), kind=Kind.SENTENCES, quotes=(before, holding))
        assert lines(render.answer_view(said))[:3] == [
            "## Ann",
            "> It was dark.",
            "> Its keeper is called **Ann**.",
        ]

    def test_a_sentence_that_is_the_answer_is_not_said_twice_below_the_one_before_it(self) -> None:
        before, own = quote_of("It was dark.", 2, start=80), quote_of(SENTENCES[1], 2)
        said = replace(answer_of(own), kind=Kind.SENTENCES, quotes=(before, own))
        assert lines(render.answer_view(said))[:2] == ["> It was dark.", f"> {SENTENCES[1]}"]

    def test_the_link_and_the_page_are_those_of_the_sentence_that_answers(self) -> None:
        at = "https://example.org/tower"
        before, own = (
            replace(quote_of(text, 2, start=start), source=at, page=page)
            for text, start, page in (("It was dark.", 80, 3), (SENTENCES[1], 100, 4))
        )
        said = replace(answer_of(own, "Ann"), kind=Kind.SENTENCES, quotes=(before, own))
        last = spaced(lines(render.answer_view(said))[-1])
        assert "page 4" in last
        assert f"({at}#:~:text=Its" in last
        paragraph = replace(passage_of(f"It was dark.       {SENTENCES[1]}").passage, start=81)
        shown = lines(render.context_view(said, paragraph))[1]
        assert shown.endswith(f"**{SENTENCES[1]}**")

    def test_each_of_several_articles_has_its_title_too(self) -> None:
        other = replace(quote_of(SENTENCES[2], 1), article_id=2, article="The lamp")
        assert self.shown(quote_of(SENTENCES[0], 1), other) == [
            "## 1862 and 40 km",
            f"> {SENTENCES[0]}\n-# {TITLE}\n-# Paragraph 1 of 3",
            f"> {SENTENCES[2]}\n-# The lamp\n-# Paragraph 1 of 3",
            "-# Very sure (92 %)",
        ]

    def test_those_of_paragraphs_one_behind_the_other_share_their_place(self) -> None:
        second = quote_of(SENTENCES[2], 2)
        assert self.shown(quote_of(SENTENCES[0], 1), second)[1:] == [
            f"> {SENTENCES[0]}",
            f"> {SENTENCES[2]}",
            f"-# {TITLE}\n-# `██▁` · paragraphs 1 to 2 of 3 · very sure (92 %)",
        ]
        on_page = [replace(quote_of(SENTENCES[0], 1), page=4), replace(second, page=4)]
        assert "page 4" in self.shown(*on_page)[-1]
        assert "pages 4 to 5" in self.shown(on_page[0], replace(second, page=5))[-1]

    def test_those_of_one_paragraph_share_its_place(self) -> None:
        assert self.shown(quote_of(SENTENCES[0], 2), quote_of(SENTENCES[2], 2)) == [
            "## 1862 and 40 km",
            f"> {SENTENCES[0]}",
            f"> {SENTENCES[2]}",
            f"-# {TITLE}\n-# `▁█▁` in the middle · paragraph 2 of 3 · very sure (92 %)",
        ]


NOW = datetime(2026, 1, 1, tzinfo=UTC)


def buttons_of(record: Record) -> Sequence[discord.ui.ActionRow]:
    return views.rows(record, asker=1, can_branch=True)


def hostile_views(text: str) -> list[discord.ui.LayoutView]:
    quotes = tuple(replace(quote_of(text), article=text) for _ in range(20))
    said = answer_of(quotes[0], text[len(text) // 3 :] or None)
    span = replace(said, read_as=text)
    many = replace(span, kind=Kind.LIST, quotes=quotes, text=text)
    names = (text,) * 30
    pairs = tuple((name, name) for name in names)
    report = report_of(
        Scope.shared(), generation=text, added=names, changed=names, removed=names, failed=pairs
    )
    hits = tuple(passage_of(text) for _ in range(20))
    answers: list[Answer] = [span, many, replace(not_said(), passages=hits)]
    records = [Record("f" * 16, Scope.shared(), 1, NOW, replace(a, passages=hits)) for a in answers]
    paragraph = replace(hits[0].passage, start=quotes[0].start)
    return [
        *(
            render.answer_view(answer, asked=text, buttons=buttons_of(record))
            for answer, record in zip(answers, records, strict=True)
        ),
        *(render.passages_view(records[0], page) for page in (0, 6, 7)),
        render.context_view(span, paragraph),
        render.help_view(text, asked=text),
        render.notice(text, asked=text),
        progress_panel(None, text, 1, 2),
        report_panel(None, report, shared=True),
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


def test_the_small_print_of_a_web_page_links_to_the_sentence_and_to_nothing_else() -> None:
    quote = replace(quote_of(SENTENCES[1], 2), source="https://example.org/)[x](y?q=<@1>")
    (small,) = [line for line in lines(render.answer_view(answer_of(quote))) if "](" in line]
    assert small.count("](") == 1
    assert (
        "[jump\u00a0to\u00a0the\u00a0sentence](https://example.org/%29%5Bx%5D%28y?q=%3C@1%3E#"
        in (small)
    )


@settings(max_examples=40, deadline=None)
@given(st.text(min_size=1, max_size=2000))
def test_any_text_keeps_every_limit(text: str) -> None:
    assert all(fits(view) for view in hostile_views(text))


def summary_of(*quotes: Quote) -> Answer:
    return replace(
        answer_of(quotes[0]),
        kind=Kind.SUMMARY,
        quotes=quotes,
        text=" ".join(q.text for q in quotes),
    )


def about_of(fact: Fact, *about: About) -> Answer:
    return replace(not_said(Kind.ABOUT), fact=fact, about=about)


def test_a_summary_is_a_list_of_the_articles_own_sentences() -> None:
    view = render.answer_view(
        summary_of(*(quote_of(text, n) for n, text in enumerate(SENTENCES, 1)))
    )
    assert [spaced(line) for line in lines(view)] == [
        "## In short",
        "\n".join(f"- {text}" for text in SENTENCES),
        f"-# {TITLE}\n-# The 3 sentences that say most of it",
    ]


def test_a_summary_of_several_articles_names_each() -> None:
    other = replace(quote_of(SENTENCES[1]), article="The zoo", article_id=2)
    view = render.answer_view(summary_of(quote_of(SENTENCES[0]), other))
    assert f"- **{TITLE}**: {SENTENCES[0]}\n- **The zoo**: {SENTENCES[1]}" in lines(view)


@pytest.mark.parametrize(
    ("fact", "about", "heading"),
    [
        (Fact.TITLE, About(TITLE, "/srv/secret/a.md", 400), f"## {TITLE}"),
        (Fact.AUTHOR, About(TITLE, "", 400, author="Ann"), "## Ann"),
        (Fact.AUTHOR, About(TITLE, "", 400), "## The article does not name its author"),
        (
            Fact.PUBLISHED,
            About(TITLE, "", 400),
            "## The article does not say when it was published",
        ),
        (Fact.SOURCE, About(TITLE, "/srv/secret/a.md", 400), "## a.md"),
        (Fact.SOURCE, About(TITLE, "", 400), "## the article that comes with me"),
        (Fact.LENGTH, About(TITLE, "", 400), "## 400 words · about 2 minutes to read"),
    ],
)
def test_what_an_article_is_without_the_folders_of_the_machine(
    fact: Fact, about: About, heading: str
) -> None:
    shown = lines(render.answer_view(about_of(fact, about)))
    assert spaced(shown[0]) == heading
    assert "secret" not in "".join(shown)


def test_of_several_articles_each_is_told() -> None:
    view = render.answer_view(
        about_of(Fact.AUTHOR, About("A", "", 1, author="Ann"), About("B", "", 1))
    )
    assert "- **A**: Ann\n- **B**: not told" in lines(view)


def test_hostile_titles_and_sentences_stay_inside_the_limits() -> None:
    quotes = [quote_of(HOSTILE * 8, n) for n in range(1, 6)]
    view = render.answer_view(summary_of(*quotes))
    about = [About(HOSTILE, HOSTILE, 5, author=HOSTILE, published=HOSTILE) for _ in range(5)]
    told = [render.answer_view(about_of(fact, *about)) for fact in Fact]
    for one in (view, *told):
        assert fits(one)
        assert "<@1234567890123456789>" not in "".join(lines(one))


def test_what_has_no_quote_has_no_button_for_its_context() -> None:
    record = Record(
        "0" * 16, Scope.guild(1), 1, datetime.now(UTC), about_of(Fact.TITLE, About(TITLE, "", 4))
    )
    ids = [item.custom_id for row in views.rows(record, asker=1) for item in row.walk_children()]
    assert not [custom_id for custom_id in ids if "context" in custom_id]
