"""Candidates -> what is read around them, and what is shown of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from index.candidates import Found, TextOf, exact
from index.coverage import Coverage
from index.prior import Evidence, prior
from index.ranking import Place, merge_neighbours, within_budget
from index.reader import Candidate, ReadingPassage
from index.types import Hit, Passage

BUDGET_CHARS = 2800
"""Characters of the article that are shown for one question."""
BLOCKS = 6
BLOCK_CHARS = (220, 600)
"""A block that is read is filled from beside its paragraph up to the first, from within it
up to the second; those the reader was trained on were of like size."""


@dataclass(frozen=True, slots=True)
class Block:
    """What a reader is given at once: ``members`` are the candidates to be quoted from it, with
    what speaks for each.

    ``passage.text`` begins at ``start`` in its article.
    """

    members: tuple[int, ...]
    start: int
    passage: ReadingPassage
    evidence: tuple[Evidence, ...]


def passages(
    found: Found, text_of: TextOf, *, at_least: int = 1, most: int | None = None
) -> tuple[Hit, ...]:
    """The best candidates within the budget, neighbours merged, best first."""
    lengths = (found.sentences["end"] - found.sentences["start"]).tolist()
    chosen = within_budget(found.scores, lengths, BUDGET_CHARS, at_least=at_least)
    places = {i: _place(found, i) for i in chosen}
    return tuple(_hit(found, members, text_of) for members in merge_neighbours(places)[:most])


def blocks(found: Found, text_of: TextOf, coverage: Coverage) -> tuple[Block, ...]:
    """The best candidates, each with as much around it as a reader takes in, best first."""
    chosen: list[Block] = []
    taken: set[tuple[int, int]] = set()
    index_of = {
        (int(generation), int(row)): i
        for i, (generation, row) in enumerate(zip(found.generation_of, found.rows, strict=True))
    }
    for i in np.argsort(-found.scores, kind="stable").tolist():
        number = int(found.generation_of[i])
        if (number, int(found.rows[i])) in taken:
            continue
        rows = _around(found, i, taken)
        taken.update((number, row) for row in rows)
        members = [index_of[number, row] for row in rows if (number, row) in index_of]
        chosen.append(_block(found, rows, members, text_of, coverage))
        if len(chosen) == BLOCKS:
            break
    return tuple(chosen)


def _around(found: Found, i: int, taken: set[tuple[int, int]]) -> range:
    """Rows around a candidate: its paragraph as far as it fits; beyond only from a short one."""
    number, row = int(found.generation_of[i]), int(found.rows[i])
    sentences = found.generation(i).parts.sentences
    first = last = row

    def fits(beside: int, *, same_paragraph: bool) -> bool:
        if not 0 <= beside < len(sentences) or (number, beside) in taken:
            return False
        other, own = sentences[beside], sentences[row]
        near = other["article"] == own["article"] and (
            not same_paragraph or (other["paragraph"] == own["paragraph"] and not other["heading"])
        )
        size = max(sentences[last]["end"], other["end"]) - min(
            sentences[first]["start"], other["start"]
        )
        return bool(near and size <= BLOCK_CHARS[1])

    for same_paragraph in (True, False):
        growing = True
        while growing:
            growing = False
            for beside in (last + 1, first - 1):
                short = sentences[last]["end"] - sentences[first]["start"] < BLOCK_CHARS[0]
                if (same_paragraph or short) and fits(beside, same_paragraph=same_paragraph):
                    first, last, growing = min(first, beside), max(last, beside), True
    return range(first, last + 1)


def _block(
    found: Found, rows: range, members: Sequence[int], text_of: TextOf, coverage: Coverage
) -> Block:
    generation, article = found.generation(members[0]), found.article(members[0])
    sentences = generation.parts.sentences
    start, end = int(sentences[rows[0]]["start"]), int(sentences[rows[-1]]["end"])
    text = exact(text_of(generation.scope, article.id, article.version), start, end)
    spans = [
        (int(one["start"]) - start, int(one["end"]) - start) for one in found.sentences[members]
    ]
    best = float(found.scores[members].max())
    evidence = tuple(
        Evidence(
            sentence_cosine=float(found.scaled["sentence_cosine"][i]),
            window_cosine=float(found.scaled["window_cosine"][i]),
            passage=best,
            coverage=coverage.of(generation, text[spans[max(0, place - 1)][0] : spans[place][1]]),
            place=place / len(members),
        )
        for place, i in enumerate(members)
    )
    quotable = tuple(
        Candidate(*span, float(found.scores[i]), prior(one))
        for span, i, one in zip(spans, members, evidence, strict=True)
    )
    return Block(tuple(members), start, ReadingPassage(text, quotable), evidence)


def _place(found: Found, i: int) -> Place:
    sentence = found.sentence(i)
    return Place(
        article=(int(found.generation_of[i]), int(sentence["article"])),
        paragraph=int(sentence["paragraph"]),
        number=int(sentence["number"]),
        start=int(sentence["start"]),
        end=int(sentence["end"]),
    )


def _hit(found: Found, members: Sequence[int], text_of: TextOf) -> Hit:
    first, last = members[0], members[-1]
    article = found.article(first)
    scope = found.generation(first).scope
    start, end = int(found.sentence(first)["start"]), int(found.sentence(last)["end"])
    passage = Passage(
        scope=scope,
        article_id=article.id,
        version=article.version,
        article=article.title,
        start=start,
        end=end,
        text=exact(text_of(scope, article.id, article.version), start, end),
    )
    return Hit(passage, max(float(found.scores[i]) for i in members))
