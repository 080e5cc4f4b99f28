"""A question's candidates -> the passages around them, the quote, and how sure it is."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from index.candidates import Found, TextOf, exact
from index.composing import (
    MOST_SENTENCES,
    NEITHER,
    REACH,
    AsGood,
    Beside,
    belonging,
    is_first_step,
    is_item,
    leads_in,
)
from index.confidence import Signals, confidence
from index.coverage import Coverage
from index.gathering import Block, blocks, passages
from index.generation import Generation
from index.intent import Wish
from index.reader import Reader, Span
from index.summarising import summary
from index.types import Hit, Quote, Scope

_WINDOWS_FOR_COVERAGE = 5
LONGEST_OWN_SUMMARY = 8
"""Sentences; what is longer and called a summary is a chapter."""
_SUMMARY_HEADING = re.compile(
    r"\W*(?:in (?:short|brief|a nutshell)|(?:executive )?summary|tl;?dr|overview|abstract"
    r"|highlights|at a glance|(?:key|main) (?:points|takeaways|facts))\W*",
    re.IGNORECASE,
)
FEWEST_IN_PROSE = 5
"""Sentences beside lists from which an article is told in short by them alone."""
LIKE_HEADING = 0.6
STANDS_OUT = (0.4, 0.2)
"""The cosine from which a heading says what a question asks for; a lower one does when it
is ahead of the next heading by as much."""
HOLDS_LIST = 0.5
"""The share of the question's words, by rarity, that a heading and its list must hold."""
NEARLY = 6.0
"""How far behind the chosen sentence the one before or after it may be, in units of the reader's
margin, to stand beside it. With 4, and none before it, 77 in a hundred of the written articles'
procedures were whole and not 81, 83 and not 84 of their reasons, 75 and not 77 of their lists (with
the weights of then, and three steps of a procedure); it costs a sentence more in every third, tenth
and fourth answer."""
SOON = 3
"""Sentences below a heading within which its list begins."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one way of reading the question came to: the answer's span and its sentence.

    ``quotes`` are the sentences that belong together, ``quote`` among them, in order.
    """

    start: int
    end: int
    quote: Quote
    quotes: tuple[Quote, ...]
    signals: Signals
    hits: tuple[Hit, ...]
    itemised: bool = False
    """Whether the quotes are, or lead to, the items of a list."""
    announced: float = 0.0
    """The cosine of the heading that announces the list which was taken instead."""

    def is_whole(self, wish: Wish) -> bool:
        """Whether the quotes answer together and not by a part: the items of a list, the steps of
        a procedure from its first one on.
        """
        if not self.itemised or wish is not Wish.MANNER:
            return self.itemised and wish is Wish.LIST
        first, second = (quote.text for quote in self.quotes[:2])
        return is_first_step(first) or (leads_in(first) and is_first_step(second))

    @property
    def confidence(self) -> float:
        return max(confidence(self.signals), self.announced)


def read(
    found: Found,
    text: str,
    words: Sequence[str],
    reader: Reader,
    text_of: TextOf,
    *,
    wish: Wish = Wish.FACT,
) -> Reading:
    """Let the reader answer from the best blocks, and quote the sentence its answer stands in.

    ``wish`` says how many of the sentences beside it belong to the answer.
    """
    coverage = Coverage(words)
    read_in = blocks(found, text_of, coverage)
    span = reader.read(text, [block.passage for block in read_in])
    block = read_in[span.passage]
    start, end = block.start + span.start, block.start + span.end
    chosen = _sentence_with(found, block, start, end)
    generation, row = found.generation(chosen), int(found.rows[chosen])
    quote = quoted(generation, row, text_of)
    # In a large library a sentence beside it may be no candidate: then the reader compared another.
    compared = found.rows[list(block.members)]
    as_good = AsGood(
        _nearly(span.previous_lead) and row - 1 in compared,
        _nearly(span.next_lead) and row + 1 in compared,
    )
    quotes = tuple(
        quote if beside == row else quoted(generation, beside, text_of)
        for beside in _belonging(generation, row, wish, text_of, words, as_good=as_good)
    )
    signals = _signals(found, block, chosen, quote, span, coverage, text_of)
    is_of_list = is_item(text_of(*_version(generation, row)), quote.start) or leads_in(quote.text)
    itemised = len(quotes) > 1 and is_of_list
    reading = Reading(start, end, quote, quotes, signals, passages(found, text_of), itemised)
    # The sentence before is none of what is listed.
    listed = sum(one.start >= quote.start for one in quotes)
    if wish is Wish.LIST and listed < MOST_SENTENCES:
        return _with_announced_list(found, reading, coverage, text_of)
    return reading


def _nearly(lead: float | None) -> bool:
    return lead is not None and lead < NEARLY


def _with_announced_list(
    found: Found, reading: Reading, coverage: Coverage, text_of: TextOf
) -> Reading:
    """The list below a heading that says what was asked for, where there is one.

    No single item says so itself: "Known bugs" stands above them. Heading and items must
    hold most of the question's words too: the rules of a house are not those of chess.
    """
    announced = _announcing_heading(found)
    if announced is None:
        return reading
    cosine, generation, heading = announced
    first = _first_item(generation, heading, text_of)
    number = found.generations.index(generation)
    at = np.flatnonzero((found.generation_of == number) & (found.rows == (first or -1)))
    if first is None or not len(at):
        return reading
    quotes = tuple(
        quoted(generation, row, text_of)
        for row in _belonging(generation, first, Wish.LIST, text_of, ())
    )
    said = " ".join([quoted(generation, heading, text_of).text, *(q.text for q in quotes)])
    if coverage.of(generation, said) < HOLDS_LIST:
        return reading
    return replace(
        reading,
        start=quotes[0].start,
        end=quotes[-1].end,
        quote=quotes[0],
        quotes=quotes,
        itemised=True,
        announced=cosine,
    )


def _announcing_heading(found: Found) -> tuple[float, Generation, int] | None:
    """The heading most like the question, if it is enough so: its cosine, and where it is."""
    likeness: list[tuple[float, int, int]] = []
    for number, generation in enumerate(found.generations):
        sentences = generation.parts.sentences
        asked = np.unique(sentences["article"][found.rows[found.generation_of == number]])
        mine = sentences["heading"] & np.isin(sentences["article"], asked)
        rows = np.flatnonzero(mine).astype(np.int64)
        cosines = generation.parts.sentence_vectors.scores(found.query, rows)
        likeness += [(c, number, r) for c, r in zip(cosines.tolist(), rows.tolist(), strict=True)]
    if not likeness:
        return None
    likeness.sort(reverse=True)
    best, number, row = likeness[0]
    second = likeness[1][0] if len(likeness) > 1 else 0.0
    stands_out = best >= LIKE_HEADING or best >= max(STANDS_OUT[0], second + STANDS_OUT[1])
    return (best, found.generations[number], row) if stands_out else None


def _version(generation: Generation, row: int) -> tuple[Scope, int, int]:
    """Which stored text the sentence at ``row`` is from."""
    article = generation.manifest.articles[int(generation.parts.sentences[row]["article"])]
    return generation.scope, article.id, article.version


def _first_item(generation: Generation, heading: int, text_of: TextOf) -> int | None:
    """The row of the first item of a list that begins soon below a heading."""
    sentences = generation.parts.sentences
    text = text_of(*_version(generation, heading))
    for row in range(heading + 1, min(heading + 1 + SOON, len(sentences))):
        one = sentences[row]
        if one["heading"] or one["article"] != sentences[heading]["article"]:
            return None
        if is_item(text, int(one["start"])):
            return row
    return None


def summarised(generation: Generation, article: int, text_of: TextOf, most: int) -> list[Quote]:
    """An article of a generation (a row of its manifest) in at most ``most`` of its sentences."""
    sentences = generation.parts.sentences
    mine = (sentences["article"] == article) & ~sentences["heading"]
    rows = np.flatnonzero(mine).astype(np.int64)
    if not len(rows):
        return []
    of = generation.manifest.articles[article]
    text = text_of(generation.scope, of.id, of.version)
    if own := _own_summary(generation, article, text):
        return [quoted(generation, row, text_of) for row in own[:most]]
    # The items of a list say little alone; they count where there is hardly anything else.
    prose = [row for row in rows.tolist() if not is_item(text, int(sentences[row]["start"]))]
    rows = np.array(prose, dtype=np.int64) if len(prose) >= FEWEST_IN_PROSE else rows
    texts = [exact(text, int(sentences[row]["start"]), int(sentences[row]["end"])) for row in rows]
    vectors = generation.parts.sentence_vectors.vectors(rows)
    paragraphs = sentences["paragraph"][rows].tolist()
    return [
        quoted(generation, int(rows[i]), text_of) for i in summary(texts, vectors, paragraphs, most)
    ]


def _own_summary(generation: Generation, article: int, text: str) -> list[int]:
    """The sentences that the article itself calls its summary, if it does."""
    sentences = generation.parts.sentences
    for heading in np.flatnonzero(
        (sentences["article"] == article) & sentences["heading"]
    ).tolist():
        if not _SUMMARY_HEADING.fullmatch(
            text[sentences[heading]["start"] : sentences[heading]["end"]]
        ):
            continue
        rows = []
        for row in range(heading + 1, len(sentences)):
            if sentences[row]["heading"] or sentences[row]["article"] != article:
                break
            rows.append(row)
        if 1 < len(rows) <= LONGEST_OWN_SUMMARY:
            return rows
    return []


def _belonging(
    generation: Generation,
    row: int,
    wish: Wish,
    text_of: TextOf,
    words: Sequence[str],
    *,
    as_good: AsGood = NEITHER,
) -> range:
    """The rows of the sentences that answer together with the one at ``row``."""
    sentences = generation.parts.sentences
    text = text_of(*_version(generation, row))

    def near(beside: int) -> bool:
        other = sentences[beside]
        return bool(other["article"] == sentences[row]["article"] and not other["heading"])

    first = last = row
    while first > max(0, row - REACH) and near(first - 1):
        first -= 1
    while last < min(len(sentences) - 1, row + REACH) and near(last + 1):
        last += 1
    beside = [
        Beside(
            text[one["start"] : one["end"]],
            int(one["paragraph"]),
            is_item(text, int(one["start"])),
        )
        for one in sentences[first : last + 1]
    ]
    chosen = belonging(wish, beside, row - first, words, as_good=as_good)
    return range(first + chosen.start, first + chosen.stop)


def _sentence_with(found: Found, block: Block, start: int, end: int) -> int:
    """The candidate that holds most of a span."""

    def shared(i: int) -> int:
        sentence = found.sentence(i)
        return int(min(end, sentence["end"]) - max(start, sentence["start"]))

    return max(block.members, key=shared)


def quoted(generation: Generation, row: int, text_of: TextOf) -> Quote:
    """The sentence at ``row`` of a generation, byte for byte."""
    sentence = generation.parts.sentences[row]
    article = generation.manifest.articles[int(sentence["article"])]
    start, end = int(sentence["start"]), int(sentence["end"])
    text = text_of(generation.scope, article.id, article.version)
    above = generation.heading_above(row)
    return Quote(
        scope=generation.scope,
        article_id=article.id,
        version=article.version,
        article=article.title,
        source=article.source,
        start=start,
        end=end,
        text=exact(text, start, end),
        paragraph=int(sentence["paragraph"]) + 1,
        paragraphs=article.paragraphs,
        page=bisect_right(article.pages, start) or None,
        section="" if above is None else _heading(generation, above, text),
    )


def _heading(generation: Generation, row: int, text: str) -> str:
    sentence = generation.parts.sentences[row]
    return " ".join(exact(text, int(sentence["start"]), int(sentence["end"])).split())


def _signals(  # noqa: PLR0917 - all that is known of one answer
    found: Found,
    block: Block,
    chosen: int,
    quote: Quote,
    span: Span,
    coverage: Coverage,
    text_of: TextOf,
) -> Signals:
    order = np.argsort(-found.scores, kind="stable")
    nearest = order[:_WINDOWS_FOR_COVERAGE].tolist()
    return Signals(
        best_sentence_cosine=float(found.terms["sentence_cosine"].max()),
        best_window_cosine=float(found.terms["window_cosine"].max()),
        coverage=max(
            coverage.of(found.generation(i), _window_text(found, i, text_of)) for i in nearest
        ),
        quote_cosine=float(found.terms["sentence_cosine"][chosen]),
        quote_coverage=coverage.of(found.generation(chosen), quote.text),
        context_coverage=block.evidence[block.members.index(chosen)].coverage,
        lead=span.lead,
        margin=span.margin,
        verified=span.verified,
    )


def _window_text(found: Found, i: int, text_of: TextOf) -> str:
    sentence, article = found.sentence(i), found.article(i)
    text = text_of(found.generation(i).scope, article.id, article.version)
    return text[sentence["window_start"] : sentence["window_end"]]
