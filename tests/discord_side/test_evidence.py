"""The strip, its words and the link say where in the article the evidence lies."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.evidence import CELLS, LONGEST_LINK, Where, link, strip, where
from index import Scope

from .stand_in import quote_of


@pytest.mark.parametrize(
    ("paragraph", "paragraphs", "cells", "words"),
    [
        (1, 6, "█▁▁▁▁▁", Where.BEGINNING),
        (2, 6, "▁█▁▁▁▁", Where.EARLY),
        (3, 6, "▁▁█▁▁▁", Where.MIDDLE),
        (5, 6, "▁▁▁▁█▁", Where.LATE),
        (6, 6, "▁▁▁▁▁█", Where.END),
        (1, 1, "", Where.BEGINNING),
        (1, 600, "█▁▁▁▁▁▁▁▁▁▁▁", Where.BEGINNING),
        (599, 600, "▁▁▁▁▁▁▁▁▁▁▁█", Where.LATE),
    ],
)
def test_the_cell_of_the_paragraph_is_raised(
    paragraph: int, paragraphs: int, cells: str, words: Where
) -> None:
    quotes = [quote_of("A.", paragraph, paragraphs)]
    assert (strip(quotes), where(quotes)) == (cells, words)


def test_several_quotes_raise_a_cell_each_and_share_their_words_if_they_can() -> None:
    quotes = [quote_of("A.", 2, 8), quote_of("B.", 3, 8), quote_of("C.", 3, 8)]
    assert (strip(quotes), where(quotes)) == ("▁██▁▁▁▁▁", Where.EARLY)
    assert where([*quotes, quote_of("D.", 8, 8)]) == Where.SPREAD


def test_quotes_of_two_articles_have_no_strip() -> None:
    other = replace(quote_of("B."), scope=Scope.guild(1))
    assert strip([quote_of("A."), other]) == ""


@given(st.integers(1, 5000).flatmap(lambda m: st.tuples(st.integers(1, m), st.just(m))))
def test_every_paragraph_of_every_article_has_its_one_cell(place: tuple[int, int]) -> None:
    paragraph, paragraphs = place
    cells = strip([quote_of("A.", paragraph, paragraphs)])
    assert cells.count("█") == (1 if paragraphs > 1 else 0)
    assert len(cells) == (min(CELLS, paragraphs) if paragraphs > 1 else 0)


def linked(source: str, text: str = "Its keeper is called Ann.") -> str | None:
    return link(replace(quote_of(text), source=source))


def test_a_page_is_opened_at_the_sentence() -> None:
    assert linked("https://example.org/a?b=1") == (
        "https://example.org/a?b=1#:~:text=Its%20keeper%20is%20called%20Ann."
    )


def test_of_a_long_sentence_the_link_names_the_beginning_and_the_end() -> None:
    text = "One two three-four, five & six seven eight nine ten eleven twelve."
    assert linked("http://example.org/", text) == (
        "http://example.org/#:~:text=One%20two%20three%2Dfour%2C%20five%20%26"
        ",eight%20nine%20ten%20eleven%20twelve."
    )


def test_an_anchor_of_the_page_stays_and_another_fragment_gives_way() -> None:
    assert linked("https://example.org/#part", "A b.") == "https://example.org/#part:~:text=A%20b."
    assert linked("https://e.org/#:~:text=x", "A b.") == "https://e.org/#:~:text=A%20b."


@pytest.mark.parametrize(
    "source",
    ["article.md", "/srv/a.md", "configured:bundled", "javascript:alert(1)", "https://", "ftp://x/y",
     "file:///etc/passwd", "http://[::1"],
)  # fmt: skip
def test_what_is_no_page_has_no_link(source: str) -> None:
    assert linked(source) is None


def test_nothing_in_an_address_ends_the_link_or_begins_markup() -> None:
    address = linked("https://example.org/a_(b)>c d\n`e`#f)g", "Say (so)!")
    assert address is not None
    assert not set(address) & set("()<>`\n ")


def test_a_link_that_would_be_too_long_loses_its_sentence_first_and_then_itself() -> None:
    page = f"https://example.org/{'a' * 400}"
    assert linked(page, " ".join(["wordword"] * 40)) == page
    assert linked(page + "a" * 400) is None


@given(st.text(min_size=1, max_size=300))
def test_any_sentence_makes_a_link_of_plain_characters_that_names_its_words(text: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    address = linked("https://example.org/", text)
    assert address is not None
    assert address.isascii()
    assert len(address) <= LONGEST_LINK
    assert unquote(address).startswith("https://example.org/")
