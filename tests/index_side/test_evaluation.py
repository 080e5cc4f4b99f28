import json
import math
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from index import (
    Answer,
    BadInput,
    IndexSettings,
    Kind,
    OperatorError,
    QuestionError,
    Quote,
    Scope,
    SourceError,
    evaluate,
    plot,
)
from index.evaluation import Asked, Evaluation, Outcome
from index.evaluation.asking import OFF_TOPIC_LIMIT, ask_all, off_topic
from index.evaluation.charts import risk_by_coverage
from index.evaluation.figures import auroc, calibration_error, figures_of
from index.evaluation.outcome import holds, judge, squad_f1, squad_words
from index.evaluation.squad import Gold, SquadArticle, SquadQuestion, read_squad
from tests.conftest import WordEmbedder

VOYAGE = "The queen stayed at home that year. Old King Olaf sailed on the ship."
STORM = "A storm came up in the spring of 1804. Gold was found near the harbour."
DOCTOR = "Nobody was surprised by it at all. The village doctor ate an apple."


def gold(context, text):
    return {"text": text, "answer_start": context.index(text)}


def a_set():
    """Two articles: one of two paragraphs with an unanswerable question, one of one."""
    voyage = {
        "title": "Voyage",
        "paragraphs": [
            {
                "context": VOYAGE,
                "qas": [
                    {"question": "Who sailed the ship?", "answers": [gold(VOYAGE, "King Olaf")]},
                    {"question": "Who built the ship?", "is_impossible": True, "answers": []},
                ],
            },
            {
                "context": STORM,
                "qas": [
                    {
                        "question": "Where was the gold found?",
                        "answers": [gold(STORM, "harbour"), gold(STORM, "near the harbour")],
                    }
                ],
            },
        ],
    }
    apple = {
        "title": "Apple",
        "paragraphs": [
            {
                "context": DOCTOR,
                "qas": [
                    {"question": "Who ate the apple?", "answers": [gold(DOCTOR, "doctor")]},
                ],
            }
        ],
    }
    return {"version": "v2.0", "data": [voyage, apple]}


def write(tmp_path, content, name="set.json"):
    file = tmp_path / name
    file.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return file


class TestReading:
    def test_paragraphs_are_joined_by_blank_lines_and_golds_stand_where_they_say(self, tmp_path):
        voyage, apple = read_squad(write(tmp_path, a_set()))
        assert voyage.text == f"{VOYAGE}\n\n{STORM}"
        assert [question.text for question in voyage.questions] == [
            "Who sailed the ship?",
            "Who built the ship?",
            "Where was the gold found?",
        ]
        assert [question.answerable for question in voyage.questions] == [True, False, True]
        golds = [g for article in (voyage, apple) for q in article.questions for g in q.golds]
        assert [g.text for g in golds] == ["King Olaf", "harbour", "near the harbour", "doctor"]
        texts = [voyage.text] * 3 + [apple.text]
        assert [text[g.start : g.end] for text, g in zip(texts, golds, strict=True)] == [
            g.text for g in golds
        ]

    def test_version_1_files_do_not_mark_what_is_impossible(self, tmp_path):
        content = a_set()
        del content["data"][0]["paragraphs"][0]["qas"][1]
        assert [len(article.questions) for article in read_squad(write(tmp_path, content))] == [
            2,
            1,
        ]

    def test_an_article_without_a_title_is_counted(self, tmp_path):
        content = a_set()
        del content["data"][1]["title"]
        assert read_squad(write(tmp_path, content))[1].title == "article 2"

    @pytest.mark.parametrize(
        ("content", "complaint"),
        [
            ("{", "is not JSON"),
            ("[]", "the top level is not an object"),
            ("{}", "data is missing"),
            ('{"data": {}}', "data is not a list"),
            ('{"data": [1]}', "data[0] is not an object"),
            ('{"data": [{}]}', "data[0].paragraphs is missing"),
            (
                '{"data": [{"paragraphs": [{"qas": []}]}]}',
                "data[0].paragraphs[0].context is missing",
            ),
            ('{"data": []}', "holds no question"),
            ('{"data": [{"paragraphs": [{"context": "\\ud800"}]}]}', "half a surrogate pair"),
        ],
    )
    def test_a_malformed_file_is_named_with_what_is_wrong(self, tmp_path, content, complaint):
        file = write(tmp_path, content)
        with pytest.raises(SourceError) as caught:
            read_squad(file)
        assert str(caught.value).startswith(f"{file}: ")
        assert complaint in str(caught.value)

    @pytest.mark.parametrize(
        ("answers", "complaint"),
        [
            ([], "has no answer and is not marked is_impossible"),
            ([{"text": "Ada", "answer_start": 0}], "'Ada' does not stand at 0 of its context"),
            ([{"text": "A", "answer_start": -2}], "'A' does not stand at -2"),
            ([{"text": " ", "answer_start": 7}], "' ' does not stand at 7"),
            ([{"text": "Ada"}], "answer_start is missing"),
            ([{"text": "Ada", "answer_start": "3"}], "answer_start is not a whole number"),
        ],
    )
    def test_a_gold_answer_must_stand_at_its_place(self, tmp_path, answers, complaint):
        content = a_set()
        content["data"][0]["paragraphs"][0]["qas"][0]["answers"] = answers
        with pytest.raises(SourceError) as caught:
            read_squad(write(tmp_path, content))
        assert "data[0].paragraphs[0].qas[0]" in str(caught.value)
        assert complaint in str(caught.value)

    def test_a_file_that_is_not_there_is_named(self, tmp_path):
        with pytest.raises(SourceError, match=r"nothing\.json: cannot be read"):
            read_squad(tmp_path / "nothing.json")


class TestJudging:
    def test_a_quote_holds_a_gold_answer_whatever_the_case_and_white_space(self):
        assert holds("It was ADA\n  Lovelace.", "Ada Lovelace")
        assert not holds("It was Ada.", "Ada Lovelace")

    def test_words_are_compared_as_squad_does(self):
        assert squad_words("The U.S., a nation") == ["us", "nation"]

    @pytest.mark.parametrize(
        ("answer", "gold", "f1"),
        [
            ("Ada Lovelace", "ada lovelace", 1.0),
            ("the Ada", "Ada Lovelace", 2 / 3),
            ("by Ada Lovelace herself", "Ada Lovelace", 2 / 3),
            ("Ada Ada", "Ada", 2 / 3),
            ("Babbage", "Ada", 0.0),
            ("the", "a", 1.0),
            ("", "Ada", 0.0),
        ],
    )
    def test_f1_has_its_known_values(self, answer, gold, f1):
        assert squad_f1(answer, gold) == pytest.approx(f1)

    def test_an_outcome_counts_hits_places_and_exact_bytes(self):
        text = "Ada wrote it. Ada was first."
        quotes = (a_quote(text, 14, 28), a_quote(text, 0, 13, shown="Ada wrote it!"))
        answer = an_answer("Who?", 0.5, quotes, said="Ada")
        outcome = judge(
            answer,
            (Gold("Ada", 0, 3),),
            text,
            file="f",
            article="a",
            asked=Asked.ANSWERABLE,
            elapsed_ms=2.0,
        )
        assert outcome == Outcome(
            "f", "a", Asked.ANSWERABLE, "Who?", confidence=0.5, hit=True, placed=False, exact=True,
            f1=1.0, quotes=2, quote_chars=27, byte_exact=1, elapsed_ms=2.0,
        )  # fmt: skip
        elsewhere = judge(
            an_answer("Who?", 0.5, quotes[1:]),
            (Gold("Ada", 0, 3),),
            text,
            file="f",
            article="a",
            asked=Asked.ANSWERABLE,
            elapsed_ms=2.0,
        )
        assert (elsewhere.hit, elsewhere.placed, elsewhere.exact) == (True, True, False)

    def test_of_several_quotes_the_one_that_the_answer_begins_in_is_judged(self):
        text = "It was dark. Ada wrote."
        quotes = (a_quote(text, 0, 12), a_quote(text, 13, 23))
        said = replace(an_answer("Why?", 0.5, quotes, "Ada"), start=13, end=16)
        for gold, held in ((Gold("Ada", 13, 16), True), (Gold("dark", 7, 11), False)):
            found = judge(
                said, (gold,), text, file="f", article="a", asked=Asked.ANSWERABLE, elapsed_ms=1.0
            )
            assert (found.hit, found.placed) == (held, held)

    def test_what_quotes_nothing_has_no_confidence(self):
        outcome = judge(
            an_answer("Hello", 0.7, ()),
            (),
            "",
            file="f",
            article="a",
            asked=Asked.UNANSWERABLE,
            elapsed_ms=1.0,
        )
        assert (outcome.confidence, outcome.quotes, outcome.hit) == (0.0, 0, False)


def a_quote(text, start, end, shown=None):
    return Quote(Scope.guild(0), 1, 1, "a", "a.txt", start, end, shown or text[start:end], 1, 1)


def an_answer(question, confidence, quotes, said=None):
    text = said if said is not None else (quotes[0].text if quotes else None)
    return Answer(
        question, Kind.SPAN if quotes else Kind.CHAT, confidence, 0.0, 1.0, text, quotes=quotes
    )


def outcome(asked, confidence, *, hit=False, article="a", quotes=1, **more):
    return Outcome(
        "f", article, asked, "?", confidence=confidence, hit=hit, quotes=quotes,
        byte_exact=quotes, quote_chars=10 * quotes, **more,
    )  # fmt: skip


class TestFigures:
    @pytest.mark.parametrize(
        ("positive", "negative", "area"),
        [
            ([0.8, 0.9], [0.1, 0.2], 1.0),
            ([0.1], [0.2, 0.3], 0.0),
            ([0.5], [0.5], 0.5),
            ([0.2, 0.6, 0.6], [0.4, 0.6], 0.5),  # of 6 pairs: 2 won, 2 tied, 2 lost
        ],
    )
    def test_auroc_has_its_known_values(self, positive, negative, area):
        assert auroc(np.array(positive), np.array(negative)) == pytest.approx(area)

    def test_auroc_agrees_with_counting_every_pair(self):
        rng = np.random.default_rng(1)
        positive, negative = rng.integers(0, 9, 40) / 8, rng.integers(0, 9, 30) / 8
        pairs = [(p > n) + (p == n) / 2 for p in positive for n in negative]
        assert auroc(positive, negative) == pytest.approx(sum(pairs) / len(pairs))

    def test_auroc_needs_both_sides(self):
        assert math.isnan(auroc(np.array([0.5]), np.array([])))

    def test_calibration_error_is_the_mean_gap_over_bins_of_equal_mass(self):
        confidence, right = np.array([0.9, 0.1, 0.8, 0.2]), np.array([1.0, 0.0, 0.0, 1.0])
        # bins {0.1, 0.2} and {0.8, 0.9}: |0.15 - 0.5| and |0.85 - 0.5|
        assert calibration_error(confidence, right, bins=2) == pytest.approx(0.35)
        assert calibration_error(np.array([1.0, 0.0]), np.array([1.0, 0.0])) == 0.0

    def test_every_figure_has_its_known_value(self):
        outcomes = [
            outcome(Asked.ANSWERABLE, 0.9, hit=True, placed=True, exact=True, f1=1.0, elapsed_ms=1),
            outcome(Asked.ANSWERABLE, 0.6, hit=True, f1=0.5, elapsed_ms=2, article="b"),
            outcome(Asked.ANSWERABLE, 0.5, elapsed_ms=3),
            outcome(Asked.ANSWERABLE, 0.0, quotes=0, elapsed_ms=4, article="b"),
            outcome(Asked.UNANSWERABLE, 0.7, elapsed_ms=5),
            outcome(Asked.UNANSWERABLE, 0.2, elapsed_ms=6),
            outcome(Asked.OFF_TOPIC, 0.1, elapsed_ms=7),
            outcome(Asked.OFF_TOPIC, 0.0, quotes=0, refused=True),
        ]
        figures = figures_of("f", outcomes, threshold=0.5)
        assert (figures.articles, figures.answerable, figures.unanswerable) == (2, 4, 2)
        assert (figures.off_topic, figures.refused) == (2, 1)
        values = {figure.name: figure.value for figure in figures.figures}
        assert values == pytest.approx(
            {
                "quote_hit": 0.5,
                "quote_hit_placed": 0.25,
                "quote_chars": 10,
                "span_exact": 0.25,
                "span_f1": 0.375,
                "answered_answerable": 0.75,
                "quote_hit_when_answered": 2 / 3,
                "false_answers_unanswerable": 0.5,
                "false_answers_off_topic": 0.0,
                "auroc_unanswerable": 4 / 8,  # 0.9 beats both, 0.6 and 0.5 one each, 0.0 none
                "auroc_off_topic": 6.5 / 8,
                "calibration_error": 1.9 / 6,  # one question a bin: .1 + .4 + .5 + 0 + .7 + .2
                "calibration_error_answerable": 1.0 / 4,
                "p50_ms": 4.0,
                "p95_ms": 6.7,
                "byte_exact": 1.0,
            }
        )

    def test_what_the_data_cannot_say_is_none_and_not_zero(self):
        figures = figures_of("f", [outcome(Asked.ANSWERABLE, 0.9, hit=True)], threshold=0.5)
        assert figures["quote_hit"].value == 1.0
        assert figures["false_answers_unanswerable"].value is None
        assert figures["auroc_off_topic"].value is None

    def test_one_article_has_no_interval(self):
        figures = figures_of("f", [outcome(Asked.ANSWERABLE, 0.9, hit=True)] * 3, threshold=0.5)
        assert (figures["quote_hit"].low, figures["quote_hit"].high) == (None, None)

    def test_intervals_come_from_drawing_whole_articles_and_are_the_same_every_time(self):
        # Within an article all questions agree, so only draws of articles can differ:
        # 0/2, 1/2 and 2/2 hits with chances 1/4, 1/2, 1/4.
        outcomes = [outcome(Asked.ANSWERABLE, 0.5, hit=True, article="a")] * 50
        outcomes += [outcome(Asked.ANSWERABLE, 0.5, hit=False, article="b")] * 50
        first, second = (figures_of("f", outcomes, 0.5) for _ in range(2))
        assert first == second
        assert (first["quote_hit"].low, first["quote_hit"].high) == (0.0, 1.0)
        # The answer's confidence never differs, and so neither does the share answered.
        assert (first["answered_answerable"].low, first["answered_answerable"].high) == (1.0, 1.0)


class ScriptedEngine:
    """Quotes the first 20 characters with a confidence that the question ends in."""

    def __init__(self):
        self.texts = {}
        self.asked = []

    def add(self, scope, source, *, media_type, title):
        assert media_type == "text/plain"
        self.texts[scope] = source.decode()

    def warm(self, *scopes):
        assert set(scopes) <= set(self.texts)

    def ask(self, scope, question, *, threshold):
        assert threshold == 0
        if question == "refused":
            raise QuestionError("no")
        self.asked.append((scope.key, question))
        quote = a_quote(self.texts[scope], 0, 20)
        return an_answer(question, float(question.split()[-1]), (quote,))


def an_article(title, *questions):
    golds = (Gold("abcdefghij", 0, 10),)
    return SquadArticle(
        title,
        "abcdefghij" * 3,
        tuple(SquadQuestion(text, golds if kind == "+" else ()) for kind, text in questions),
    )


class TestAsking:
    def test_each_article_is_asked_its_own_questions_and_off_topic_ones_in_its_own_scope(self):
        first = an_article("A", ("+", "own 0.9"), ("-", "not said 0.4"))
        second = an_article("B", ("+", "other 0.8"))
        engine = ScriptedEngine()
        told = []
        outcomes = ask_all(engine, [("f", [first, second])], lambda *step: told.append(step))
        assert engine.asked == [
            ("guild:0", "own 0.9"),
            ("guild:0", "not said 0.4"),
            ("guild:0", "other 0.8"),
            ("guild:1", "other 0.8"),
            ("guild:1", "own 0.9"),
        ]
        assert [(o.article, o.asked.value, o.confidence, o.hit) for o in outcomes] == [
            ("A", "answerable", 0.9, True),
            ("A", "unanswerable", 0.4, False),
            ("A", "off-topic", 0.8, False),
            ("B", "answerable", 0.8, True),
            ("B", "off-topic", 0.9, False),
        ]
        assert told[0] == ("adding", 0, 2)
        assert told[-1] == ("asking", 5, 5)

    def test_a_question_the_engine_refuses_counts_as_not_answered(self):
        outcomes = ask_all(ScriptedEngine(), [("f", [an_article("A", ("+", "refused"))])])
        assert outcomes == (Outcome("f", "A", Asked.ANSWERABLE, "refused", refused=True),)

    def test_the_off_topic_sample_is_fixed_and_no_larger_than_own_questions_others_or_limit(self):
        few = an_article("few", *(("+", f"few {n}") for n in range(3)), ("-", "not said"))
        many = an_article("many", *(("+", f"many {n}") for n in range(OFF_TOPIC_LIMIT + 50)))
        huge = an_article("huge", *(("+", f"huge {n}") for n in range(OFF_TOPIC_LIMIT + 50)))
        articles = [few, many, huge]
        assert [len(off_topic(articles, i)) for i in range(3)] == [
            3,
            OFF_TOPIC_LIMIT,
            OFF_TOPIC_LIMIT,
        ]
        assert [len(off_topic([few, many], i)) for i in range(2)] == [3, 3]
        assert off_topic(articles, 1) == off_topic(articles, 1)
        assert not any(q.text.startswith("many") for _, q in off_topic(articles, 1))
        assert len({q.text for _, q in off_topic(articles, 1)}) == OFF_TOPIC_LIMIT
        assert off_topic([few], 0) == []


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    files = [write(folder, a_set()), write(folder, {"data": a_set()["data"][1:]}, "apple.json")]
    settings = IndexSettings(data_dir=folder / "never", threshold=0.0)
    evaluated = evaluate([*files, files[0]], settings, embedder=WordEmbedder())
    assert not (folder / "never").exists()
    return evaluated


class TestEvaluate:
    """On the real engine, with an embedder that counts words."""

    def test_each_file_has_its_figures_once_and_all_are_pooled(self, evaluation):
        assert [Path(f.name).name for f in evaluation.files] == ["set.json", "apple.json"]
        assert [f.articles for f in evaluation.files] == [2, 1]
        assert [(f.answerable, f.unanswerable, f.off_topic) for f in evaluation.files] == [
            (3, 1, 2),
            (1, 0, 0),
        ]
        assert (evaluation.pooled.articles, evaluation.pooled.answerable) == (3, 4)

    def test_the_right_sentences_are_quoted_byte_for_byte(self, evaluation):
        assert evaluation.pooled["quote_hit"].value == 1.0
        assert evaluation.pooled["quote_hit_placed"].value == 1.0
        assert evaluation.pooled["byte_exact"].value == 1.0
        assert evaluation.pooled["p50_ms"].value > 0

    def test_at_threshold_0_every_question_is_answered_falsely_or_not(self, evaluation):
        assert evaluation.pooled["answered_answerable"].value == 1.0
        assert evaluation.pooled["false_answers_off_topic"].value == 1.0

    def test_another_threshold_changes_no_confidence_but_what_is_answered(
        self, evaluation, tmp_path
    ):
        again = evaluate(
            [write(tmp_path, a_set())], IndexSettings(), embedder=WordEmbedder(), threshold=1.0
        )
        assert again.threshold == 1.0
        assert again.pooled["answered_answerable"].value == 0.0
        assert again.pooled["false_answers_off_topic"].value == 0.0
        area = again.pooled["auroc_off_topic"]
        assert area == evaluation.files[0]["auroc_off_topic"]

    def test_with_slips_each_question_has_one_and_the_same_each_time(self, tmp_path):
        file = write(tmp_path, a_set())
        asked = [
            [o.question for o in evaluate([file], IndexSettings(), embedder=WordEmbedder(),
                                          slips=True).outcomes]
            for _ in range(2)
        ]  # fmt: skip
        plain = {"Who sailed the ship?", "Who built the ship?", "Where was the gold found?"}
        assert asked[0] == asked[1]
        assert plain.isdisjoint(asked[0])

    def test_the_json_says_under_which_rules_it_was_made(self, evaluation):
        content = json.loads(json.dumps(evaluation.to_json(), allow_nan=False))
        assert content["threshold"] == 0.0
        assert "fixed seed" in content["off_topic_rule"]
        assert [set(f) for f in content["files"]] == [set(content["pooled"])] * 2
        assert set(content["pooled"]["figures"]["quote_hit"]) == {"value", "low", "high"}

    def test_an_article_the_engine_refuses_is_named_with_its_file(self, tmp_path):
        content = {"data": [{"title": "Blank", "paragraphs": [{"context": " ", "qas": [
            {"question": "What?", "is_impossible": True}]}]}]}  # fmt: skip
        file = write(tmp_path, content)
        with pytest.raises(SourceError, match=re.escape(f"{file}: the article 'Blank': ")):
            evaluate([file], IndexSettings(), embedder=WordEmbedder())


class TestPlot:
    def test_risk_falls_to_each_coverage_and_equal_confidences_enter_together(self):
        coverage, risk = risk_by_coverage(
            [
                outcome(Asked.ANSWERABLE, 0.5, hit=False),
                outcome(Asked.ANSWERABLE, 0.9, hit=True),
                outcome(Asked.ANSWERABLE, 0.5, hit=True),
                outcome(Asked.ANSWERABLE, 0.1, hit=False),
            ]
        )
        assert coverage.tolist() == [0.25, 0.75, 1.0]
        assert risk.tolist() == [0.0, pytest.approx(1 / 3), 0.5]

    def test_no_outcome_gives_no_point(self):
        coverage, risk = risk_by_coverage([])
        assert (coverage.size, risk.size) == (0, 0)

    @pytest.mark.parametrize(("ending", "begins"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
    def test_the_ending_chooses_the_format(self, evaluation, tmp_path, ending, begins):
        pytest.importorskip("matplotlib")
        plot(evaluation, tmp_path / f"plot.{ending}")
        assert (tmp_path / f"plot.{ending}").read_bytes().startswith(begins)

    @pytest.mark.parametrize("name", ["plot.nonsense", "no/such/folder/plot.png"])
    def test_a_file_that_cannot_be_written_is_named(self, evaluation, tmp_path, name):
        pytest.importorskip("matplotlib")
        with pytest.raises(BadInput, match=re.escape(str(tmp_path / name))):
            plot(evaluation, tmp_path / name)

    def test_without_matplotlib_the_extra_is_named(self, evaluation, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
        with pytest.raises(OperatorError, match=re.escape("pip install 'article-bot[plot]'")):
            plot(evaluation, tmp_path / "plot.png")


def test_an_evaluation_cannot_be_changed(evaluation):
    assert isinstance(evaluation, Evaluation)
    with pytest.raises(AttributeError):
        evaluation.threshold = 1.0
