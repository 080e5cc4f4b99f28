"""Whatever strangers write, Discord shows it as plain visible text within a budget."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.markdown import fit, fit_tail, marked, plain, size, visible


def shown(markdown: str) -> str:
    """What Discord shows of Markdown that holds nothing but escaped punctuation."""
    return re.sub(r"\\([^0-9A-Za-z\s])", r"\1", markdown)


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("**bold** _and_ ~~gone~~", r"\*\*bold\*\* \_and\_ \~\~gone\~\~"),
        ("`code` ||secret||", r"\`code\` \|\|secret\|\|"),
        ("@everyone <@1> <@&2> <#3>", r"\@everyone \<\@1\> \<\@&2\> \<\#3\>"),
        ("[safe](https://evil.example)", r"\[safe\](https\://evil.example)"),
        ("<t:0:R> <:x:1> </ask:1>", r"\<t:0:R\> \<:x:1\> \</ask:1\>"),
        ("# big", r"\# big"),
        ("- item", r"\- item"),
        ("-# small", r"\-\# small"),
        ("1. item", r"1\. item"),
        ("2) item", r"2\) item"),
        ("> quoted", r"\> quoted"),
        (r"\*", r"\\\*"),
        ("a - b + 3.5", "a - b + 3.5"),
    ],
)
def test_no_markup_of_discord_survives(text: str, markdown: str) -> None:
    assert plain(text) == markdown
    assert shown(markdown) == text


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("one\r\ntwo\tthree\u2028four", "one two three four"),
        ("a\u200bb\u2060c\ufeff", "abc"),
        ("evil\u202egnp.exe", "evilgnp.exe"),
        ("\u2066left\u2069 \u200fright", "left right"),
        ("\u3164\u2800\u115f", ""),
        ("x\x00\x1b[31m", "x [31m"),
        ("a" + "\u0301" * 50, "a" + "\u0301" * 4),
        ("tag\U000e0041\U000e007f", "tag"),
        ("שלום 👩‍👩‍👧 👍🏽", "שלום 👩‍👩‍👧 👍🏽"),
    ],
)
def test_only_what_can_be_seen_is_kept(text: str, clean: str) -> None:
    assert visible(text) == clean


def test_a_text_that_fits_is_whole() -> None:
    assert fit("Short enough.", 13) == "Short enough."


def test_a_long_text_ends_after_a_sentence() -> None:
    assert fit("One is here. Two is here. Three is here.", 30) == "One is here. Two is here.\u00a0…"


def test_a_long_sentence_ends_after_a_word() -> None:
    assert fit("alpha beta gamma delta", 18) == "alpha beta gamma\u00a0…"


def test_only_a_word_longer_than_the_budget_is_cut_inside() -> None:
    assert fit("x" * 100, 10) == "x" * 8 + "\u00a0…"


def test_a_tail_begins_with_a_word() -> None:
    assert fit_tail("alpha beta gamma delta", 14) == "…\u00a0gamma delta"


def test_the_answer_stands_in_bold_inside_its_sentence() -> None:
    assert marked("It was 42 percent.", 7, 9, 100) == "It was **42** percent."
    assert marked("*42* percent", 1, 3, 100) == r"\***42**\* percent"
    assert marked("forty", 0, 5, 100) == "**forty**"


def test_the_answer_stays_when_its_sentence_is_too_long() -> None:
    text = "before " * 300 + "ANSWER" + " after" * 300
    start = text.index("ANSWER")
    result = marked(text, start, start + 6, 200)
    assert "before **ANSWER** after" in result
    assert result.startswith("…\u00a0before")
    assert result.endswith("after\u00a0…")
    assert size(result) <= 200


@given(st.text(max_size=400), st.integers(20, 200))
def test_the_budget_always_holds_and_nothing_is_invented(text: str, budget: int) -> None:
    result = fit(text, budget)
    assert size(result) <= budget
    assert visible(text).startswith(shown(result).removesuffix("…").rstrip())


@given(st.text(max_size=300), st.integers(0, 300), st.integers(0, 300), st.integers(60, 200))
def test_a_marked_text_keeps_its_budget(text: str, a: int, b: int, budget: int) -> None:
    start, end = sorted((min(a, len(text)), min(b, len(text))))
    assert size(marked(text, start, end, budget)) <= budget


def test_a_paragraph_as_long_as_a_book_costs_no_more_than_a_page() -> None:
    book = "word " * 1_000_000
    started = time.perf_counter()
    assert marked(f"{book}Anselm {book}", len(book), len(book) + 6, 300).count("**Anselm**") == 1
    assert len(fit_tail("a " * 6_000, 300)) <= 300
    assert time.perf_counter() - started < 0.2
