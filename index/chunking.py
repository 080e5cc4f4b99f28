"""Text -> paragraphs, sentences, windows and chunks, each an exact span of the text.

The units of retrieval (all half-open spans of code points):

* a *sentence* is what is quoted;
* a *window* is a sentence with its neighbours, which gives it context;
* a *chunk* is a run of sentences of at most ``CHUNK_TOKENS`` tokens.

No letter or digit of the text is lost: each stands in exactly one sentence. Only
white space and bullets may stand outside.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import sentencex

from index.types import Sentence

CHUNK_TOKENS = 200
MAX_SENTENCE_CHARS = 1000
"""A longer run without a sentence end is cut, so that a quote always fits a message."""

Span = tuple[int, int]
CountTokens = Callable[[Sequence[str]], list[int]]

_BLANK_LINE = re.compile(r"(?>\r\n|[\n\r\u2028])[^\S\n\r]*[\n\r\u2028]\s*|\u2029\s*")
_LINE = re.compile(r"[^\n\r\u2028]+")
_BULLET = re.compile(r"\s*(?:[•◦‣▪●○·*+\-\u2013\u2014]\s+)?")
_LIST_ITEM = re.compile(r"\s*(?:[•◦‣▪●○·*+\-\u2013\u2014]|\(?\d{1,3}[.)])\s")
_NUMBER = re.compile(r"\s*\(?\d{1,3}[.)]\s*")
_SENTENCE_ENDS = ".!?:)\"'\u2019\u201d"
_SPACE = re.compile(r"[^\S\n\r]")
_SENTENCE = re.compile(r"(?s).+?(?:[.!?][\"')\u2019\u201d]*\s+|$)")
_BREAKS = (re.compile(r"[.;:!?,]\s+"), re.compile(r"\s+"))


@dataclass(frozen=True, slots=True)
class Chunking:
    """One article cut up: ``windows[i]`` surrounds ``sentences[i]``.

    ``chunks`` partition the sentences in order; ``chunk_of[i]`` is the chunk of sentence i.
    ``paragraphs`` is how many there are; a heading has the number of the one that follows.
    """

    sentences: tuple[Sentence, ...]
    windows: tuple[Span, ...]
    chunks: tuple[Span, ...]
    chunk_of: tuple[int, ...]
    paragraphs: int


def chunk(
    text: str, headings: Sequence[Span], count_tokens: CountTokens, max_tokens: int
) -> Chunking:
    """Cut ``text`` up for a model that reads ``max_tokens`` tokens at a time."""
    sentences: list[Sentence] = []
    number = 0
    begins = [a for a, _ in headings]
    for start, end in paragraphs(text):
        nearest = bisect_right(begins, start) - 1
        is_heading = nearest >= 0 and end <= headings[nearest][1]
        sentences += [
            Sentence(a, b, number, is_heading)
            for a, b in _sentences(text, start, end, count_tokens, max_tokens)
        ]
        number += not is_heading
    tokens = count_tokens([text[s.start : s.end] for s in sentences])
    windows = tuple(_window(sentences, tokens, i, max_tokens) for i in range(len(sentences)))
    chunk_of = _pack(tokens, min(CHUNK_TOKENS, max_tokens))
    chunks = tuple(_chunk_spans(sentences, chunk_of))
    return Chunking(tuple(sentences), windows, chunks, chunk_of, max(number, 1))


def quotable(text: str, headings: Sequence[Span]) -> list[str]:
    """The sentences and headings of ``text``, none of them cut for the sake of a model."""

    def short(texts: Sequence[str]) -> list[int]:
        return [1] * len(texts)

    return [text[s.start : s.end] for s in chunk(text, headings, short, len(text) + 1).sentences]


def paragraphs(text: str) -> Iterator[Span]:
    """The paragraphs of ``text``: between blank lines, list items apart."""
    start = 0
    for gap in [*_BLANK_LINE.finditer(text), None]:
        end = gap.start() if gap else len(text)
        yield from _paragraphs_of_block(text, start, end)
        start = gap.end() if gap else end


def _paragraphs_of_block(text: str, start: int, end: int) -> Iterator[Span]:
    lines = [m.span() for m in _LINE.finditer(text, start, end) if not m[0].isspace()]
    wrapped = _is_hard_wrapped(text, lines)
    first = 0
    for i in range(1, len(lines) + 1):
        if i == len(lines) or not wrapped or _LIST_ITEM.match(text, *lines[i]):
            span = _trim(text, lines[first][0], lines[i - 1][1])
            if span:
                yield span
            first = i


def _is_hard_wrapped(text: str, lines: list[Span]) -> bool:
    """Whether line ends are only an editor's: lines of like width that run on."""
    if len(lines) < 2:
        return False
    widths = [b - a for a, b in lines[:-1]]
    if max(widths) > 120 or min(widths) < max(widths) / 2:
        return False
    runs_on = sum(text[b - 1] not in _SENTENCE_ENDS for _, b in lines[:-1])
    return runs_on >= len(widths) / 2 and max(widths) >= 40


def _trim(text: str, start: int, end: int) -> Span | None:
    """Without the bullet in front and white space around; None when nothing is left."""
    bullet = _BULLET.match(text, start, end)
    start = bullet.end() if bullet else start
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    end -= len(piece) - len(piece.rstrip())
    return (start, end) if start < end else None


def _sentences(
    text: str, start: int, end: int, count_tokens: CountTokens, max_tokens: int
) -> Iterator[Span]:
    at = start
    for piece in _segment(text[start:end]):
        span = _trim_space(text, at, at + len(piece))
        at += len(piece)
        if span:
            yield from _fit(text, *span, count_tokens, max_tokens)


def _segment(paragraph: str) -> list[str]:
    """Cut a paragraph into sentences, white space and all; the pieces make it up again."""
    try:
        # It fails on some white space beyond ASCII; the lengths stay as they are.
        pieces: list[str] = sentencex.segment("en", _SPACE.sub(" ", paragraph))
    except BaseException as error:
        # A panic of its Rust code is no Exception.
        if type(error).__name__ != "PanicException":
            raise
        pieces = []
    if sum(map(len, pieces)) != len(paragraph):
        pieces = _SENTENCE.findall(paragraph)
    return _with_numbers(pieces)


def _with_numbers(pieces: list[str]) -> list[str]:
    """The number of a list's item belongs to its first sentence: "1." says nothing alone."""
    if len(pieces) > 1 and _NUMBER.fullmatch(pieces[0]):
        return [pieces[0] + pieces[1], *pieces[2:]]
    return pieces


def _trim_space(text: str, start: int, end: int) -> Span | None:
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    end -= len(piece) - len(piece.rstrip())
    return (start, end) if start < end else None


def _fit(
    text: str, start: int, end: int, count_tokens: CountTokens, max_tokens: int
) -> Iterator[Span]:
    """Halve what is too long, at the best break near the middle, until every piece fits."""
    too_long = end - start > MAX_SENTENCE_CHARS
    # A token is at least one character, so short texts need no counting.
    if not too_long and end - start > max_tokens:
        too_long = count_tokens([text[start:end]])[0] > max_tokens
    if not too_long or end - start < 2:
        yield start, end
        return
    middle = _break_near_middle(text, start, end)
    for a, b in ((start, middle), (middle, end)):
        if span := _trim_space(text, a, b):
            yield from _fit(text, *span, count_tokens, max_tokens)


def _break_near_middle(text: str, start: int, end: int) -> int:
    middle = (start + end) // 2
    reach = (end - start) // 4
    for pattern in _BREAKS:
        ends = [m.end() for m in pattern.finditer(text, middle - reach, middle + reach)]
        if ends:
            return min(ends, key=lambda at: abs(at - middle))
    return middle


def _window(sentences: list[Sentence], tokens: list[int], i: int, max_tokens: int) -> Span:
    """The sentence with one neighbour on each side, as far as the model can read them."""
    first, last, total = i, i, tokens[i]
    for neighbour in (i - 1, i + 1):
        if 0 <= neighbour < len(sentences) and total + tokens[neighbour] <= max_tokens:
            total += tokens[neighbour]
            first, last = min(first, neighbour), max(last, neighbour)
    return sentences[first].start, sentences[last].end


def _pack(tokens: list[int], limit: int) -> tuple[int, ...]:
    """The chunk number of each sentence, packed greedily up to ``limit`` tokens."""
    numbers, number, total = [], 0, 0
    for count in tokens:
        if total and total + count > limit:
            number, total = number + 1, 0
        total += count
        numbers.append(number)
    return tuple(numbers)


def _chunk_spans(sentences: list[Sentence], chunk_of: Sequence[int]) -> Iterator[Span]:
    start = 0
    for i in range(1, len(sentences) + 1):
        if i == len(sentences) or chunk_of[i] != chunk_of[start]:
            yield sentences[start].start, sentences[i - 1].end
            start = i
