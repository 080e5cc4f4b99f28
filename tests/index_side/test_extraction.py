"""How much of an article is read from real files, and how little of what is around it.

Words count in threes, so that order counts too; threes across two blocks do not.
"""

from __future__ import annotations

import json
import re
import statistics
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from index.sources import read
from index.types import Document

LAYOUTS = Path(__file__).parent.parent / "data" / "sources" / "layouts"
UNSEEN = LAYOUTS.with_name("unseen")
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


def measured(document: Document, file: Path) -> tuple[float, float]:
    """The share of the expected text that was read, and of what was read that is not of it."""
    expected = threes(lines_of(file, "expected"))
    found = threes(document.text.splitlines())
    text = " ".join(words_of(document.text))
    strange = [
        words
        for line in lines_of(file, "boilerplate")
        if (words := words_of(line)) and " ".join(words) in text
    ]
    return (
        (expected & found).total() / expected.total(),
        sum(map(len, strange)) / len(text.split()),
    )


def lines_of(file: Path, kind: str) -> list[str]:
    return file.with_name(f"{file.stem}.{kind}.txt").read_text(encoding="utf-8").splitlines()


def test_pages_of_other_sites_are_read_as_well() -> None:
    """Made after the rules, by somebody who did not know them; seven of the fourteen were
    judged before a rule was mended by them: recall 95 to 100 %, boilerplate 0 to 33 % (of a
    forum's thread, whose replies count as such), 2 % at the median.
    """
    found = []
    for file in sorted(UNSEEN.glob("*.html")):
        recall, strange = measured(read(file, max_bytes=10_000_000), file)
        print(f"{file.stem}: {recall:.1%} of the text, {strange:.1%} of what is around it")
        found.append((recall, strange))
    assert len(found) == 14
    assert min(recall for recall, _ in found) >= 0.97
    assert statistics.median(strange for _, strange in found) <= 0.035


@pytest.mark.parametrize("name", sorted(FACTS))
def test_the_article_is_read_and_little_else(name: str) -> None:
    document = read(LAYOUTS / name, max_bytes=10_000_000)
    recall, strange = measured(document, LAYOUTS / name)
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
