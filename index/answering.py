"""A question's candidates -> the passages around them, the quote, and how sure it is."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from index.composing import MOST_SENTENCES, REACH, Beside, belonging, is_item
from index.confidence import Signals, confidence
from index.errors import GenerationError
from index.generation import Generation, IndexedArticle, Searched
from index.intent import Wish
from index.lexical import tokens
from index.ranking import WEIGHTS, Place, fuse, merge_neighbours, within_budget
from index.reader import Candidate, Reader, ReadingPassage, Span
from index.summarising import summary
from index.types import Hit, Passage, Quote, Scope

Scores = npt.NDArray[np.float32]
TextOf = Callable[[Scope, int, int], str]
"""(scope, article id, version) -> the stored text."""

CANDIDATES = 256
"""Sentences taken from each index by each kind of score before they are fused."""
BUDGET_CHARS = 2800
"""Characters of the article that are read for one question."""
BLOCKS = 6
BLOCK_CHARS = (220, 600)
"""A block that is read is filled from beside its paragraph up to the first, from within it
up to the second; those the reader was trained on were of like size."""
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
SOON = 3
"""Sentences below a heading within which its list begins."""


@dataclass(frozen=True, slots=True)
class Found:
    """Candidate sentences from all indexes searched; row i of every array is the same one."""

    generations: tuple[Generation, ...]
    generation_of: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    sentences: npt.NDArray[np.void]
    terms: Mapping[str, Scores]
    scores: Scores
    query: Scores

    def __len__(self) -> int:
        return len(self.rows)

    def generation(self, i: int) -> Generation:
        return self.generations[int(self.generation_of[i])]

    def sentence(self, i: int) -> Any:
        """The record of candidate i, with the fields of ``generation.SENTENCE``."""
        return self.sentences[i]

    def article(self, i: int) -> IndexedArticle:
        return self.generation(i).manifest.articles[int(self.sentence(i)["article"])]


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring candidates and the passage that they make together."""

    members: tuple[int, ...]
    hit: Hit


@dataclass(frozen=True, slots=True)
class Block:
    """What a reader is given at once: ``members`` are the candidates to be quoted from it.

    ``passage.text`` begins at ``start`` in its article.
    """

    members: tuple[int, ...]
    start: int
    passage: ReadingPassage


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
    runs: tuple[Run, ...]
    itemised: bool = False
    """Whether the quotes are the items of a list, which answer together and not by a part."""
    announced: float = 0.0
    """The cosine of the heading that announces the list which was taken instead."""

    @property
    def confidence(self) -> float:
        return max(confidence(self.signals), self.announced)


def find(
    searched: Sequence[Searched],
    query: Scores,
    words: Sequence[str],
    weights: Mapping[str, float] = WEIGHTS,
) -> Found:
    """Gather candidates from every index and fuse their scores on one scale."""
    parts = [s.generation.candidates(query, words, CANDIDATES, s.live) for s in searched]
    terms = {name: np.concatenate([part.terms[name] for part in parts]) for name in parts[0].terms}
    return Found(
        generations=tuple(s.generation for s in searched),
        generation_of=np.repeat(np.arange(len(parts)), [len(part.rows) for part in parts]),
        rows=np.concatenate([part.rows for part in parts]),
        sentences=np.concatenate(
            [
                one.generation.parts.sentences[part.rows]
                for one, part in zip(searched, parts, strict=True)
            ]
        ),
        terms=terms,
        scores=fuse(terms, weights),
        query=query,
    )


def passages(
    found: Found, text_of: TextOf, *, at_least: int = 1, most: int | None = None
) -> tuple[Run, ...]:
    """The best candidates within the budget, neighbours merged, best first."""
    lengths = (found.sentences["end"] - found.sentences["start"]).tolist()
    chosen = within_budget(found.scores, lengths, BUDGET_CHARS, at_least=at_least)
    places = {i: _place(found, i) for i in chosen}
    return tuple(_run(found, members, text_of) for members in merge_neighbours(places)[:most])


def blocks(found: Found, text_of: TextOf) -> tuple[Block, ...]:
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
        chosen.append(_block(found, rows, members, text_of))
        if len(chosen) == BLOCKS:
            break
    return tuple(chosen)


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
    read_in = blocks(found, text_of)
    span = reader.read(text, [block.passage for block in read_in])
    block = read_in[span.passage]
    start, end = block.start + span.start, block.start + span.end
    chosen = _sentence_with(found, block, start, end)
    generation, row = found.generation(chosen), int(found.rows[chosen])
    quote = quoted(generation, row, text_of)
    quotes = tuple(
        quote if beside == row else quoted(generation, beside, text_of)
        for beside in _belonging(generation, row, wish, text_of, words)
    )
    signals = _signals(found, chosen, quote, span, words, text_of)
    itemised = len(quotes) > 1 and is_item(text_of(*_version(generation, row)), quote.start)
    reading = Reading(start, end, quote, quotes, signals, passages(found, text_of), itemised)
    if wish is Wish.LIST and len(quotes) < MOST_SENTENCES:
        return _with_announced_list(found, reading, words, text_of)
    return reading


def _with_announced_list(
    found: Found, reading: Reading, words: Sequence[str], text_of: TextOf
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
    coverage = _coverage(found, int(at[0]), said, words)
    if coverage < HOLDS_LIST:
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
    texts = [_exact(text, int(sentences[row]["start"]), int(sentences[row]["end"])) for row in rows]
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
    generation: Generation, row: int, wish: Wish, text_of: TextOf, words: Sequence[str]
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
    chosen = belonging(wish, beside, row - first, words)
    return range(first + chosen.start, first + chosen.stop)


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


def _block(found: Found, rows: range, members: Sequence[int], text_of: TextOf) -> Block:
    generation, article = found.generation(members[0]), found.article(members[0])
    sentences = generation.parts.sentences
    start, end = int(sentences[rows[0]]["start"]), int(sentences[rows[-1]]["end"])
    text = _exact(text_of(generation.scope, article.id, article.version), start, end)
    quotable = tuple(
        Candidate(
            int(found.sentence(i)["start"]) - start,
            int(found.sentence(i)["end"]) - start,
            float(found.scores[i]),
        )
        for i in members
    )
    return Block(tuple(members), start, ReadingPassage(text, quotable))


def _place(found: Found, i: int) -> Place:
    sentence = found.sentence(i)
    return Place(
        article=(int(found.generation_of[i]), int(sentence["article"])),
        paragraph=int(sentence["paragraph"]),
        number=int(sentence["number"]),
        start=int(sentence["start"]),
        end=int(sentence["end"]),
    )


def _run(found: Found, members: Sequence[int], text_of: TextOf) -> Run:
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
        text=_exact(text_of(scope, article.id, article.version), start, end),
    )
    return Run(tuple(members), Hit(passage, max(float(found.scores[i]) for i in members)))


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
        text=_exact(text, start, end),
        paragraph=int(sentence["paragraph"]) + 1,
        paragraphs=article.paragraphs,
        page=bisect_right(article.pages, start) or None,
        section="" if above is None else _heading(generation, above, text),
    )


def _heading(generation: Generation, row: int, text: str) -> str:
    sentence = generation.parts.sentences[row]
    return " ".join(_exact(text, int(sentence["start"]), int(sentence["end"])).split())


def _exact(text: str, start: int, end: int) -> str:
    """The span, byte for byte; GenerationError when it does not lie in the stored text."""
    if not 0 <= start < end <= len(text):
        raise GenerationError(
            f"the index points at {start}:{end} of a text of {len(text)} characters;"
            " re-index the library"
        )
    return text[start:end]


def _signals(  # noqa: PLR0917 - all that is known of one answer
    found: Found,
    chosen: int,
    quote: Quote,
    span: Span,
    words: Sequence[str],
    text_of: TextOf,
) -> Signals:
    order = np.argsort(-found.scores, kind="stable")
    nearest = order[:_WINDOWS_FOR_COVERAGE].tolist()
    return Signals(
        best_sentence_cosine=float(found.terms["sentence_cosine"].max()),
        best_window_cosine=float(found.terms["window_cosine"].max()),
        coverage=max(_coverage(found, i, _window_text(found, i, text_of), words) for i in nearest),
        quote_cosine=float(found.terms["sentence_cosine"][chosen]),
        quote_coverage=_coverage(found, chosen, quote.text, words),
        lead=span.lead,
        margin=span.margin,
        alone=span.alone,
    )


def _window_text(found: Found, i: int, text_of: TextOf) -> str:
    sentence, article = found.sentence(i), found.article(i)
    text = text_of(found.generation(i).scope, article.id, article.version)
    return text[sentence["window_start"] : sentence["window_end"]]


def _coverage(found: Found, i: int, text: str, words: Sequence[str]) -> float:
    """The share of the question's words that ``text`` holds, weighed by their rarity."""
    distinct = sorted(set(words))
    weights = found.generation(i).parts.window_words.idf(distinct)
    held = set(tokens(text))
    total = float(weights.sum())
    return (
        float(sum(w for word, w in zip(distinct, weights, strict=True) if word in held)) / total
        if total
        else 0.0
    )
