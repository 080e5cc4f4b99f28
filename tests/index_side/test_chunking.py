"""Text -> paragraphs, sentences, windows and chunks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.chunking import CHUNK_TOKENS, MAX_SENTENCE_CHARS, Chunking, chunk, paragraphs


def words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def cut(text: str, headings: Sequence[tuple[int, int]] = (), max_tokens: int = 254) -> Chunking:
    return chunk(text, headings, words, max_tokens)


def sentences(text: str, **options: int) -> list[str]:
    return [text[s.start : s.end] for s in cut(text, **options).sentences]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two.", ["One. Two."]),
        ("One.\n\nTwo.", ["One.", "Two."]),
        ("One.\r\n \t\r\n\r\nTwo.", ["One.", "Two."]),
        ("One.\u2029Two.", ["One.", "Two."]),
        (
            "A line that an editor on Windows broke at about\r\nfifty characters, as many editors do.",
            [
                "A line that an editor on Windows broke at about\r\nfifty characters, as many editors do."
            ],
        ),
        (
            "A title\nThe first paragraph.\nThe second.",
            ["A title", "The first paragraph.", "The second."],
        ),
        ("Points:\n • first\n • second\n - third", ["Points:", "first", "second", "third"]),
        ("1. first\n2. second", ["1. first", "2. second"]),
        (
            "A line that an editor broke at about\nfifty characters, as many editors will do\n"
            "by themselves. And another one.",
            [
                "A line that an editor broke at about\nfifty characters, as many editors will do\n"
                "by themselves. And another one."
            ],
        ),
        ("", []),
        (" \n \n", []),
        ("•", ["•"]),
    ],
)
def test_paragraphs_end_at_blank_lines_and_list_items(text: str, expected: list[str]) -> None:
    assert [text[a:b] for a, b in paragraphs(text)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mr. Li left. He paid $1.1 trillion.", ["Mr. Li left.", "He paid $1.1 trillion."]),
        ("It’s over. “Go home,” he said.", ["It’s over.", "“Go home,” he said."]),
        ("one word", ["one word"]),
        ("No end\n\nHere either", ["No end", "Here either"]),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_a_sentence_longer_than_the_model_reads_is_cut_at_a_pause() -> None:
    text = "one two three four, five six seven eight"
    assert sentences(text, max_tokens=5) == ["one two three four,", "five six seven eight"]


def test_a_run_without_any_space_is_cut_by_length_alone() -> None:
    text = "x" * 100_000
    pieces = sentences(text)
    assert "".join(pieces) == text
    assert max(map(len, pieces)) <= MAX_SENTENCE_CHARS


def test_white_space_of_any_kind_may_stand_between_words() -> None:
    assert sentences("Plan\u00a0B\u00a0. It\u2009held.") == ["Plan\u00a0B\u00a0.", "It\u2009held."]


@pytest.mark.parametrize("pieces", [[], ["lost"], RuntimeError])
def test_a_splitter_that_fails_is_done_without(
    monkeypatch: pytest.MonkeyPatch, pieces: list[str] | type[Exception]
) -> None:
    class PanicException(BaseException):
        pass

    def segment(_language: str, _text: str) -> list[str]:
        if pieces is RuntimeError:
            raise PanicException
        return pieces

    monkeypatch.setattr("sentencex.segment", segment)
    assert sentences("He said “No.” Then left!\nAnd\nso on") == [
        "He said “No.”",
        "Then left!",
        "And",
        "so on",
    ]


def test_headings_are_marked() -> None:
    text = "A title\n\nA sentence.\n\nAnother one."
    found = cut(text, [(0, 7)])
    assert [s.is_heading for s in found.sentences] == [True, False, False]


def test_headings_do_not_count_as_paragraphs() -> None:
    text = "A title\n\nA sentence.\n\nAnother one."
    found = cut(text, [(0, 7)])
    assert ([s.paragraph for s in found.sentences], found.paragraphs) == ([0, 0, 1], 2)


def test_windows_hold_the_sentence_and_what_stands_beside_it() -> None:
    text = "Aa one. Bb two. Cc three. Dd four."
    windows = [text[a:b] for a, b in cut(text).windows]
    assert windows == [
        "Aa one. Bb two.",
        "Aa one. Bb two. Cc three.",
        "Bb two. Cc three. Dd four.",
        "Cc three. Dd four.",
    ]


def test_a_window_takes_only_the_neighbours_that_the_model_can_read() -> None:
    text = "Aa bb one. Cc dd ee two. Ff three."
    windows = [text[a:b] for a, b in cut(text, max_tokens=6).windows]
    assert windows == ["Aa bb one.", "Cc dd ee two. Ff three.", "Cc dd ee two. Ff three."]


def test_chunks_are_filled_up_to_their_size_in_tokens() -> None:
    text = " ".join(f"Word{n} " + "w " * 58 + "end." for n in range(5))
    found = cut(text)
    assert found.chunk_of == (0, 0, 0, 1, 1)
    assert all(len(text[a:b].split()) <= CHUNK_TOKENS for a, b in found.chunks)


@given(st.text(max_size=400) | st.text(alphabet="aB1 .\n•-\u00a0!", max_size=400))
def test_no_letter_or_digit_of_an_article_is_lost_or_doubled(text: str) -> None:
    found = cut(text, max_tokens=7)
    spans = [(s.start, s.end) for s in found.sentences]
    assert spans == sorted(spans)
    assert all(0 <= a < b <= len(text) for a, b in spans)
    assert all(b <= c for (_, b), (c, _) in itertools.pairwise(spans))
    covered = {i for a, b in spans for i in range(a, b)}
    missed = {text[i] for i in range(len(text)) if i not in covered}
    assert not [char for char in missed if char.isalnum()]


@given(st.text(alphabet="ab .\n", max_size=300))
def test_every_sentence_lies_in_its_window_and_in_its_chunk(text: str) -> None:
    found = cut(text, max_tokens=7)
    for sentence, window, number in zip(
        found.sentences, found.windows, found.chunk_of, strict=True
    ):
        assert window[0] <= sentence.start < sentence.end <= window[1]
        start, end = found.chunks[number]
        assert start <= sentence.start < sentence.end <= end
