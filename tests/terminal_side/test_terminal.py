import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from bot.certainty import percent, words
from bot.contract import answer_json, as_line, error_json, search_json
from bot.questions import Line, read_line, read_lines
from bot.terminal import Screen, answer_text, harmless, passages_text
from index import About, Answer, Fact, Hit, Kind, Passage, Quote, Scope, Turn

ARTICLE = "Rain fell all day. Ada Lovelace wrote the first program in 1843. It was short."
SENTENCE = "Ada Lovelace wrote the first program in 1843."
START = ARTICLE.index(SENTENCE)
QUOTE = Quote(
    scope=Scope.local(),
    article_id=1,
    version=1,
    article="Engines",
    source="engines.md",
    start=START,
    end=START + len(SENTENCE),
    text=SENTENCE,
    paragraph=2,
    paragraphs=7,
)
HIT = Hit(Passage(Scope.local(), 1, 1, "Engines", 0, 18, "Rain fell all day."), 0.25)


def an_answer(text=SENTENCE, **changes):
    place = ARTICLE.index(text)
    values = {
        "question": "Who?",
        "kind": Kind.SPAN,
        "confidence": 0.74,
        "threshold": 0.5,
        "elapsed_ms": 1.23456,
        "text": text,
        "start": place,
        "end": place + len(text),
        "quotes": (QUOTE,),
        "passages": (HIT,),
    }
    return Answer(**(values | changes))


DECLINED = Answer("Who?", Kind.NONE, 0.12, 0.5, 2.0, passages=(HIT,))


def shown(answer, *, styled=False, passages=False, hint=""):
    return answer_text(answer, styled=styled, passages=passages, hint=hint).plain.splitlines()


class TestAnswers:
    def test_the_answer_comes_first_then_its_sentence_with_the_answer_marked_then_its_place(self):
        assert shown(an_answer("Ada Lovelace")) == [
            "Ada Lovelace",
            "**Ada Lovelace** wrote the first program in 1843.",
            "Engines · paragraph 2 of 7 · sure (74 %)",
        ]

    def test_where_there_is_style_the_answer_is_marked_by_it_and_no_character_is_added(self):
        view = answer_text(an_answer("1843"), styled=True, passages=False, hint="")
        assert view.plain.splitlines()[1] == SENTENCE
        marked = [view.plain[s.start : s.end] for s in view.spans if s.style == "bold underline"]
        assert marked == ["1843"]

    def test_a_question_that_was_read_without_its_slips_is_told_first(self):
        assert shown(an_answer(read_as="Who wrote it?"))[0] == "Read as: Who wrote it?"

    def test_an_answer_that_is_the_whole_sentence_is_shown_once(self):
        assert shown(an_answer()) == [SENTENCE, "Engines · paragraph 2 of 7 · sure (74 %)"]

    def test_every_quote_of_a_longer_answer_is_shown(self):
        second = Quote(Scope.local(), 1, 1, "Engines", "engines.md", 64, 77, "It was short.", 2, 7)
        answer = an_answer("Ada Lovelace", kind=Kind.LIST, quotes=(QUOTE, second))
        assert shown(answer)[1:3] == [
            "**Ada Lovelace** wrote the first program in 1843.",
            "It was short.",
        ]

    def test_quotes_that_answer_together_are_shown_once(self):
        second = Quote(Scope.local(), 1, 1, "Engines", "engines.md", 64, 77, "It was short.", 2, 7)
        said = an_answer(kind=Kind.SENTENCES, quotes=(QUOTE, second))
        answer = replace(said, text=f"{SENTENCE} It was short.", end=second.end)
        assert shown(answer)[:2] == [SENTENCE, "It was short."]

    def test_the_answer_is_marked_in_whichever_quote_holds_it(self):
        rain = "Rain fell all day."
        before = Quote(Scope.local(), 1, 1, "Engines", "engines.md", 0, len(rain), rain, 2, 7)
        answer = an_answer("Ada Lovelace", kind=Kind.SENTENCES, quotes=(before, QUOTE))
        assert shown(answer)[:3] == [
            "Ada Lovelace",
            rain,
            "**Ada Lovelace** wrote the first program in 1843.",
        ]
        assert shown(an_answer(quotes=(before, QUOTE)))[:2] == [rain, SENTENCE]

    def test_the_place_is_that_of_the_sentence_that_answers(self):
        before = replace(QUOTE, start=0, end=4, text="Rain", page=3)
        answer = an_answer(quotes=(before, replace(QUOTE, page=4)))
        assert shown(answer)[-1] == "Engines · p. 4 · sure (74 %)"

    def test_an_answer_outside_its_quote_is_shown_without_a_mark(self):
        answer = an_answer("Rain", start=0, end=4)
        assert shown(answer)[:2] == ["Rain", SENTENCE]

    def test_what_the_article_does_not_say_is_said_so_with_the_nearest_passages_on_request(self):
        declined = ["The article does not say.", "best match: 12 %, needed: 50 %"]
        assert shown(DECLINED) == declined
        assert shown(DECLINED, hint="More?") == [*declined, "More?"]
        assert shown(DECLINED, passages=True, hint="More?") == [
            *declined,
            "",
            "Nearest passages",
            "1. Rain fell all day.",
            "   Engines · characters 0 to 18 · score 0.25",
        ]

    def test_a_greeting_is_told_what_can_be_asked(self):
        greeting = Answer("Hello!", Kind.CHAT, 0.0, 0.5, 1.0, passages=(HIT,))
        assert shown(greeting, passages=True, hint="More?") == [
            "That is nothing an article could answer. Ask a question about it."
        ]


class TestCertainty:
    @pytest.mark.parametrize(
        ("confidence", "said", "number"),
        [
            (1.0, "very sure", "99 %"),
            (0.9, "very sure", "90 %"),
            (0.899, "sure", "90 %"),
            (0.7, "sure", "70 %"),
            (0.5, "fairly sure", "50 %"),
            (0.499, "not sure", "50 %"),
            (0.0, "not sure", "0 %"),
        ],
    )
    def test_is_said_in_words_and_percent_and_never_100(self, confidence, said, number):
        assert (words(confidence), percent(confidence)) == (said, number)


class TestHostileText:
    def test_each_character_that_steers_a_terminal_becomes_one_that_does_not(self):
        hostile = "a\x1b[2Jb\x9b1mc\rd\ne\tf\x07\x7f\x00g\u202eh\u2066\ud800\u2028i"
        assert harmless(hostile) == (
            "a\ufffd[2Jb\ufffd1mc d e f\ufffd\ufffd\ufffdg\ufffdh\ufffd\ufffd i"
        )
        assert len(harmless(hostile)) == len(hostile)

    def test_no_ordinary_character_is_touched(self):
        ordinary = "“Zürich” — 東京 🙂 नमस्ते e\u0301 soft\u00adhyphen ¡"
        assert harmless(ordinary) == ordinary

    def test_an_answer_view_holds_no_control_character_wherever_it_comes_from(self):
        bad = "\x1b]0;title\x07"
        quote = Quote(Scope.local(), 1, 1, f"T{bad}", bad, 0, 20, f"Yes{bad} it is.", 1, 1)
        hit = Hit(Passage(Scope.local(), 1, 1, f"T{bad}", 0, 9, f"P{bad}"), 0.5)
        answer = Answer(
            bad, Kind.SPAN, 0.9, 0.5, 1.0, f"Yes{bad}", 0, 3 + len(bad), (quote,), (hit,)
        )
        view = answer_text(answer, styled=True, passages=True, hint=bad).plain
        assert {c for c in view if ord(c) < 32 or 127 <= ord(c) < 160} == {"\n"}

    def test_json_lines_are_ascii_without_control_characters(self):
        line = as_line(error_json("\x1b[2J\x9b \u202e \ud800 ü", "no"))
        assert all(32 <= ord(c) < 127 for c in line)
        assert json.loads(line)["question"] == "\x1b[2J\x9b \u202e \ud800 ü"


def a_screen(**out):
    settings = {"highlight": False, "markup": False, "emoji": False}
    return Screen(
        Console(file=io.StringIO(), **settings, **out), Console(file=io.StringIO(), **settings)
    )


class TestScreen:
    def test_errors_and_notes_stay_off_standard_output(self):
        screen = a_screen()
        screen.note("first\nsecond")
        screen.error("bad\x1b[2J\nmore")
        assert screen.out.file.getvalue() == ""
        assert screen.err.file.getvalue() == "first\nsecond\nError: bad\ufffd[2J\nmore\n"

    def test_square_brackets_are_no_markup(self):
        screen = a_screen()
        screen.show(passages_text([Hit(Passage(Scope.local(), 1, 1, "[b]", 0, 5, "[red]"), 1)]))
        assert screen.out.file.getvalue().splitlines()[0] == "1. [red]"

    def test_a_pipe_gets_long_lines_unfolded_and_unstyled(self, capsys):
        screen = Screen.standard()
        long = "word " * 200
        hit = Hit(Passage(Scope.local(), 1, 1, "T", 0, 5, long.strip()), 1)
        screen.show(passages_text([hit]))
        assert capsys.readouterr().out.splitlines()[0] == f"1. {long.strip()}"
        assert screen.styled is False

    def test_a_narrow_terminal_folds_between_words(self):
        screen = a_screen(force_terminal=True, width=20, color_system=None)
        screen.show(answer_text(an_answer(), styled=False, passages=False, hint=""))
        lines = screen.out.file.getvalue().splitlines()
        assert max(map(len, lines)) <= 20
        assert " ".join(" ".join(lines).split()).startswith(SENTENCE)

    def test_no_color_leaves_weight_but_no_colour(self, monkeypatch):
        monkeypatch.setenv("NO_COLOR", "1")
        screen = a_screen(force_terminal=True, color_system="standard", width=80)
        assert screen.styled is True
        screen.show(answer_text(an_answer("1843"), styled=True, passages=False, hint=""))
        codes = screen.out.file.getvalue()
        assert "\x1b[1;4m1843\x1b[0m" in codes
        assert not any(f"\x1b[{n}m" in codes for n in range(30, 50))

    def test_nothing_moves_on_standard_error_where_nobody_looks(self):
        screen = a_screen()
        with screen.working("Reading") as progress:
            progress("embedding", 1, 2)
        assert screen.err.file.getvalue() == ""

    def test_a_terminal_gets_a_bar_that_names_the_stage_and_vanishes(self):
        screen = a_screen()
        screen.err = Console(file=io.StringIO(), force_terminal=True, width=80)
        with screen.working("Reading \x1b[2J") as progress:
            progress("embedding", 1, 2)
        written = screen.err.file.getvalue()
        assert "Reading \ufffd[2J: embedding" in written
        assert "1/2" in written
        assert written.endswith("\x1b[2K")  # the last thing is to clear the bar's line


class TestContract:
    def test_the_quote_is_the_first_though_the_answer_begins_in_the_next(self):
        before = replace(QUOTE, start=0, end=4, text="Rain")
        shown = answer_json(an_answer("Ada Lovelace", kind=Kind.SENTENCES, quotes=(before, QUOTE)))
        assert shown["quote"] == "Rain" == shown["quotes"][0]["text"]
        place = shown["quotes"][1]
        assert place["start"] <= shown["start"] < shown["end"] <= place["end"]

    def test_an_answer_has_these_keys_and_values(self):
        assert answer_json(an_answer("Ada Lovelace")) == {
            "question": "Who?",
            "read_as": None,
            "kind": "span",
            "answered": True,
            "answer": "Ada Lovelace",
            "quote": SENTENCE,
            "article": "Engines",
            "start": START,
            "end": START + 12,
            "confidence": 0.74,
            "elapsed_ms": 1.235,
            "quotes": [
                {
                    "text": SENTENCE,
                    "article": "Engines",
                    "start": START,
                    "end": START + len(SENTENCE),
                    "section": None,
                    "page": None,
                }
            ],
            "passages": [
                {
                    "text": "Rain fell all day.",
                    "article": "Engines",
                    "start": 0,
                    "end": 18,
                    "score": 0.25,
                }
            ],
        }

    def test_what_is_not_answered_has_nulls_and_keeps_confidence_and_passages(self):
        content = answer_json(DECLINED)
        nulls = [key for key, value in content.items() if value is None]
        assert nulls == ["read_as", "answer", "quote", "article", "start", "end"]
        assert (content["answered"], content["kind"], content["quotes"]) == (False, "none", [])
        assert content["confidence"] == 0.12
        assert len(content["passages"]) == 1

    def test_a_search_has_its_question_and_passages(self):
        assert search_json("rain", [HIT]) == {
            "question": "rain",
            "passages": answer_json(DECLINED)["passages"],
        }

    def test_every_object_is_one_line(self):
        assert "\n" not in as_line({"question": "a\nb\u2028c"})


class TestQuestionLines:
    def test_every_line_gives_one_in_order_and_only_line_feeds_end_them(self):
        raw = io.BytesIO("\ufeffFirst?\r\n\n Second\u2028half? \nLast".encode())
        assert list(read_lines(raw)) == [
            Line("First?"),
            Line(""),
            Line(" Second\u2028half? "),
            Line("Last"),
        ]

    def test_a_json_object_may_bring_the_turns_before_it_and_keys_of_its_own(self):
        history = [{"question": "Who?", "answer": "Ada"}, {"question": "Why?", "answer": None}]
        raw = json.dumps({"id": 7, "question": "And when?", "history": history}).encode()
        assert read_line(raw) == Line("And when?", (Turn("Who?", "Ada"), Turn("Why?", None)))

    @pytest.mark.parametrize(
        ("raw", "question", "error"),
        [
            (b"Caf\xe9?", "Caf\ufffd?", "The line is not UTF-8."),
            (b'{"question": ', '{"question": ', "The line is not valid JSON"),
            (b'{"q": 1}', '{"q": 1}', 'no text as "question"'),
            (b'{"question": 1}', '{"question": 1}', 'no text as "question"'),
            (b'{"question": "a", "history": "b"}', None, '"history" must be a list'),
            (b'{"question": "a", "history": ["b"]}', None, '"history" must be a list'),
            (b'{"question": "a", "history": [{"question": 1}]}', None, '"history" must be'),
            (b'{"question": "\\ud800"}', None, "not UTF-8"),
            (b'{"a":' * 100_000, None, "The line is not valid JSON"),
        ],
    )
    def test_a_bad_line_says_what_is_wrong_with_it(self, raw, question, error):
        line = read_line(raw)
        assert line.question == (raw.decode() if question is None else question)
        assert error in line.error


class TestOverviews:
    def test_a_summary_is_one_sentence_a_line(self):
        answer = an_answer(kind=Kind.SUMMARY)
        assert shown(answer) == [f"• {SENTENCE}", "Engines · in short"]

    def test_a_fact_about_the_article_stands_above_its_title(self):
        about = About("Engines", "engines.md", 1200, author="Ann")
        answer = an_answer(
            kind=Kind.ABOUT, quotes=(), fact=Fact.LENGTH, about=(about,), passages=()
        )
        assert shown(answer) == ["1,200 words", "Engines"]

    def test_what_the_article_does_not_tell_is_said(self):
        answer = Answer(
            "Who?", Kind.ABOUT, 0, 0, 1, fact=Fact.AUTHOR, about=(About("E", "e.md", 1),)
        )
        assert shown(answer) == ["The article does not name its author."]

    def test_its_json_has_a_kind_and_no_quote(self):
        answer = an_answer(kind=Kind.ABOUT, quotes=(), fact=Fact.TITLE, start=None, end=None)
        told = answer_json(answer)
        assert (told["kind"], told["answered"], told["quote"], told["quotes"]) == (
            "about", True, None, []
        )  # fmt: skip
