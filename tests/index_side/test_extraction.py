"""How much of an article is read from real files, and how little of what is around it.

Words count in threes, so that order counts too; threes across two blocks do not.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from index.sources import read
from index.types import Document

LAYOUTS = Path(__file__).parent.parent / "data" / "sources" / "layouts"
FACTS = json.loads((LAYOUTS / "facts.json").read_text(encoding="utf-8"))
RECALL, BOILERPLATE = 0.98, 0.02


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold().replace("\xad", ""))


def threes(blocks: Iterable[str]) -> Counter[tuple[str, ...]]:
    found: Counter[tuple[str, ...]] = Counter()
    for block in blocks:
        words = words_of(block)
        found.update(zip(words, words[1:], words[2:], strict=False))
    return found


def measured(document: Document, name: str) -> tuple[float, float]:
    """The share of the expected text that was read, and of what was read that is not of it."""
    stem = Path(name).stem
    expected = threes((LAYOUTS / f"{stem}.expected.txt").read_text(encoding="utf-8").splitlines())
    found = threes(document.text.splitlines())
    around = (LAYOUTS / f"{stem}.boilerplate.txt").read_text(encoding="utf-8").splitlines()
    text = " ".join(words_of(document.text))
    strange = [words for line in around if (words := words_of(line)) and " ".join(words) in text]
    return (
        (expected & found).total() / expected.total(),
        sum(map(len, strange)) / len(text.split()),
    )


@pytest.mark.parametrize("name", sorted(FACTS))
def test_the_article_is_read_and_little_else(name: str) -> None:
    document = read(LAYOUTS / name, max_bytes=10_000_000)
    recall, strange = measured(document, name)
    print(f"{name}: {recall:.1%} of the text, {strange:.1%} of what is around it")
    assert recall >= RECALL
    assert strange <= BOILERPLATE


@pytest.mark.parametrize("name", sorted(FACTS))
def test_what_a_file_tells_of_itself_is_read(name: str) -> None:
    document, facts = read(LAYOUTS / name, max_bytes=10_000_000), FACTS[name]
    told = {
        "title": document.title,
        "author": document.author,
        "published": document.published,
        "canonical": document.canonical,
    }
    assert told == facts
