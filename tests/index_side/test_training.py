"""What the reader learns from: answers stay where they were, near-misses do not answer."""

from __future__ import annotations

import json
import random
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from index.reader.spans import VERIFIED_FROM
from index.training import __main__ as stages
from index.training import retrieved, sentences
from index.training.examples import (
    FIRST,
    FOURTH,
    SECOND,
    THIRD,
    VERIFIER,
    Group,
    Mix,
    Passage,
    groups,
    read,
)
from index.training.near_misses import Pools, opposed, swapped, without_sentences
from index.training.running import Run, between, plan, upper
from index.training.written import read_written

PASSAGE = "Ann Lee built the largest tower in 1862. It stands in Aldra. The keeper is Tom Ray."


@pytest.fixture
def file(tmp_path: Path) -> Path:
    other = "In 1901 Eve Moss sank the ship near Borin. It held 40 crates of tea for the harbour."

    def asked(context: str, question: str, answer: str) -> dict:
        spans = [{"text": answer, "answer_start": context.index(answer)}] if answer else []
        return {"question": question, "answers": spans, "is_impossible": not answer}

    paragraphs = [
        (PASSAGE, [("Who built the largest tower?", "Ann Lee"), ("Who painted it?", "")]),
        (other, [("How many crates did the ship hold?", "40"), ("Who sank the ship?", "Eve Moss")]),
    ]
    data = [
        {
            "title": "Towers",
            "paragraphs": [
                {"context": context, "qas": [asked(context, *one) for one in questions]}
                for context, questions in paragraphs
            ],
        }
    ]
    path = tmp_path / "train.json"
    path.write_text(json.dumps({"data": data}))
    return path


@pytest.fixture
def two(file: Path, tmp_path: Path) -> Path:
    """The same, and another article in it."""
    one = json.loads(file.read_text())["data"]
    spans = [{"text": "Oda", "answer_start": 0}]
    asked = {"question": "Who baked the bread?", "answers": spans, "is_impossible": False}
    paragraph = {"context": "Oda baked the bread. It was of rye.", "qas": [asked]}
    path = tmp_path / "two.json"
    path.write_text(json.dumps({"data": [*one, {"title": "Bread", "paragraphs": [paragraph]}]}))
    return path


@pytest.mark.parametrize("mix", [FIRST.hard, SECOND.hard, SECOND.easy, THIRD.written])
@pytest.mark.parametrize("hard", [True, False])
def test_marked_answers_are_the_gold_ones(file: Path, mix: Mix, hard: bool) -> None:
    golds = {"Ann Lee", "40", "Eve Moss"}
    for seed in range(20):
        for group in groups(read(file), random.Random(seed), mix, hard=hard):
            for passage in group.passages:
                assert {passage.text[a:b] for a, b in passage.answers} <= golds


def test_of_a_long_passage_a_part_is_shown_that_holds_the_answer_where_it_is_marked(
    tmp_path: Path,
) -> None:
    rest = "The wheel of the mill turns all day long, and the miller sweeps its yard. " * 12
    context = f"{rest}Ann Lee built the mill in 1862. {rest}"
    spans = [{"text": "Ann Lee", "answer_start": context.index("Ann Lee")}]
    asked = {"question": "Who built the mill?", "answers": spans, "is_impossible": False}
    article = {"title": "Mill", "paragraphs": [{"context": context, "qas": [asked]}]}
    path = tmp_path / "mill.json"
    path.write_text(json.dumps({"data": [article]}))
    mix = Mix(own=1.0, negatives=0.0, swapped=0.0, far=0.0)
    shown = set()
    for seed in range(30):
        (group,) = groups(read(path), random.Random(seed), mix, hard=False)
        (passage,) = group.passages
        assert [passage.text[begin:end] for begin, end in passage.answers] == ["Ann Lee"]
        assert passage.text in context
        assert len(passage.text) < len(context) / 2
        shown.add(passage.text)
    assert len(shown) > 20


def test_the_same_seed_gives_the_same_groups(file: Path) -> None:
    def made() -> list:
        return list(groups(read(file), random.Random(3), SECOND.hard, hard=True))

    assert made() == made()


WRITTEN = """title: Grinder
genre: how-to
---
The **grinder** is made by Tom Ray, who sold it for $40 in Aldra.

## Cleaning

1. Unplug it.
2. Empty the hopper, and wait.
===
Q: who makes it
A: Tom Ray
A: made by Tom Ray
N: when was Tom Ray born
Q: What did it cost?
A: $40
Q: how do i clean it
A: Unplug it. / Empty the hopper
"""


def test_written_articles_are_read_with_their_answers_where_they_stand(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(WRITTEN)
    (article,) = read_written(tmp_path)["data"]
    (paragraph,) = article["paragraphs"]
    said = []
    for asked in paragraph["qas"]:
        for answer in asked["answers"]:
            start, text = answer["answer_start"], answer["text"]
            assert paragraph["context"][start : start + len(text)] == text
        said.append([answer["text"] for answer in asked["answers"]])
    assert said[:3] == [["Tom Ray", "made by Tom Ray"], [], ["$40"]]
    assert said[3][0].startswith("Unplug it.")
    assert said[3][0].endswith("Empty the hopper")
    assert [asked["is_impossible"] for asked in paragraph["qas"]] == [False, True, False, False]
    assert len(read(tmp_path)[0].questions) == 4


def test_a_question_is_asked_where_most_of_its_answers_stand(tmp_path: Path) -> None:
    """A short one may recur before, or be part of a number."""
    rest = "The mill by the sea is of red stone, and its wheel turns all day long. " * 6
    article = f"Of 8,400 houses, 400 are new. {rest}\n\nThe fine is 400 francs. {rest}"
    asked = (
        "Q: what is the fine\nA: 400\nA: The fine is 400\nQ: how many are new\nA: 400 are\nA: 400\n"
    )
    (tmp_path / "a.txt").write_text(f"title: Mill\n---\n{article}\n===\n{asked}")
    first, second = read_written(tmp_path)["data"][0]["paragraphs"]
    (new,), (question,) = first["qas"], second["qas"]
    assert {answer["text"] for answer in question["answers"]} == {"400", "The fine is 400"}
    at = first["context"].index("400 are")
    assert {answer["answer_start"] for answer in new["answers"]} == {at}


def test_the_shipped_weights_lie_between_two_stages(tmp_path: Path) -> None:
    for name, value in (("old", 1.0), ("new", 2.0)):
        save_file({"head": torch.full((2,), value).half()}, tmp_path / name)
    between(tmp_path / "old", tmp_path / "new", 0.75, tmp_path / "out")
    assert load_file(tmp_path / "out")["head"].tolist() == [1.75, 1.75]


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (WRITTEN.replace("A: $40", "A: forty dollars"), "'forty dollars' does not stand"),
        (WRITTEN.replace("===", ""), "must divide it"),
        (WRITTEN.replace("N: ", "X: "), "no question and no answer"),
        (WRITTEN.replace("A: $40\n", ""), "'What did it cost\\?' must have an answer"),
        (WRITTEN.replace("born", "born\nA: $40"), "must have no answer"),
        (WRITTEN.replace("title: Grinder\n", ""), "a line 'title: ...'"),
    ],
)
def test_a_written_article_that_is_wrong_is_refused(tmp_path: Path, broken: str, why: str) -> None:
    (tmp_path / "a.txt").write_text(broken)
    with pytest.raises(ValueError, match=why):
        read_written(tmp_path)


def test_all_written_articles_of_the_project_are_whole() -> None:
    data = Path(__file__).parent.parent.parent / "data" / "written"
    for kind, articles in (("train", 1600), ("dev", 130)):
        read_in = read_written(data / kind)["data"]
        asked = [q for a in read_in for p in a["paragraphs"] for q in p["qas"]]
        assert len(read_in) > articles
        assert 0.3 < sum(q["is_impossible"] for q in asked) / len(asked) < 0.5


def test_more_is_unanswerable_in_the_second_stage(file: Path) -> None:
    def share(mix: Mix) -> float:
        found = [
            group.answerable
            for seed in range(50)
            for group in groups(read(file), random.Random(seed), mix, hard=True)
        ]
        return 1 - sum(found) / len(found)

    assert share(SECOND.hard) > share(FIRST.hard) > 0.2


def test_a_swapped_name_or_number_is_not_in_the_passage() -> None:
    pools = Pools.of(PASSAGE + " Eve Moss came in 1901.")
    for seed in range(20):
        text = swapped("When did Ann Lee build it in 1862?", PASSAGE, pools, random.Random(seed))
        assert text is not None
        assert ("1901" in text) or ("Eve Moss" in text)


def test_a_question_is_turned_round_by_a_word_that_the_passage_lacks() -> None:
    chance = random.Random(1)
    assert opposed("Who built the largest tower?", PASSAGE, chance) in {
        "Who built the smallest tower?",
        "Who demolished the largest tower?",
    }
    assert opposed("Who is Tom Ray?", "He is not here.", chance) is None


def test_the_sentence_with_the_answer_is_taken_out_whole() -> None:
    at = PASSAGE.index("Aldra")
    assert without_sentences(PASSAGE, [(at, at + 5)]) == (
        "Ann Lee built the largest tower in 1862. The keeper is Tom Ray."
    )


class TestSentences:
    """What the verifier learns from."""

    def groups(self, file: Path, **drawn: float) -> list:
        plain = {"own": 1.0, "left_out": 0.0, "swapped": 0.0, "far": 0.0, "again": 0}
        mix = replace(VERIFIER.hard, **(plain | drawn))
        return list(sentences.groups(read(file), random.Random(1), mix))

    def test_the_one_that_answers_is_marked_and_the_wrong_ones_hold_no_answer(
        self, file: Path
    ) -> None:
        made = self.groups(file)
        right = {
            passage.text[begin:end]
            for group in made
            for passage in group.passages
            for begin, end in passage.answers
        }
        assert right == {"Ann Lee", "40", "Eve Moss"}
        for group in made:
            first, *others = group.passages
            assert all(not other.answers for other in others)
            if "painted" in group.question.casefold():
                assert not first.answers
            for begin, end in first.answers:
                assert all(first.text[begin:end] not in other.text for other in others)

    def test_an_answer_is_marked_as_words_of_their_own(self, tmp_path: Path) -> None:
        context = (
            "In 1940 Tom Süßmann & Fils came to the harbour town of Borin. They brought 40 men."
        )
        asked = [
            {
                "question": question,
                "answers": [{"text": said, "answer_start": context.index(said, at)}],
                "is_impossible": False,
            }
            for question, said, at in (
                ("Who came?", "Süßmann & Fils", 0),
                ("How many men?", "40", 50),
            )
        ]
        path = tmp_path / "one.json"
        paragraphs = [{"context": context, "qas": asked}]
        path.write_text(json.dumps({"data": [{"title": "Borin", "paragraphs": paragraphs}]}))
        marked = [
            passage.text[begin:end]
            for group in self.groups(path)
            for passage in group.passages
            for begin, end in passage.answers
        ]
        assert marked == ["Süßmann & Fils", "40"]

    def test_one_that_leans_is_shown_with_the_one_before_it(self, file: Path) -> None:
        shown = {passage.text for group in self.groups(file) for passage in group.passages}
        assert any(text.endswith("It held 40 crates of tea for the harbour.") for text in shown)
        assert not any(text.startswith("It held") for text in shown)

    def test_without_its_answer_a_question_is_one_that_nothing_answers(self, file: Path) -> None:
        made = self.groups(file, left_out=1.0)
        silent = [group.question.casefold() for group in made if not group.answerable]
        assert any("largest" in question for question in silent)

    def test_what_nothing_answers_is_shown_again(self, file: Path) -> None:
        once, thrice = self.groups(file), self.groups(file, again=2)
        halves = self.groups(file, own=0.5, again=1)
        counts = [sum(not group.answerable for group in made) for made in (once, thrice, halves)]
        assert counts == [1, 3, 1]

    def test_a_question_of_another_article_is_one_that_nothing_answers(self, two: Path) -> None:
        made = [
            group for group in self.groups(two, far=1.0) if "bread" in group.question.casefold()
        ]
        towers = [g for g in made if not any("Oda" in passage.text for passage in g.passages)]
        assert towers
        assert all(g.answerable for g in made if g not in towers)
        own = [group for group in self.groups(two) if "bread" in group.question.casefold()]
        assert own
        assert all(group.answerable for group in own)


class TestRetrieved:
    """What the reader ends its training on."""

    def groups(self, file: Path, **drawn: float) -> list[Group]:
        plain = dict.fromkeys(("left_out", "swapped", "opposed", "removed", "far"), 0.0)
        mix = replace(FOURTH.hard, **(plain | {"own": 1.0, "again": 0} | drawn))
        return list(retrieved.groups(read(file), random.Random(1), mix))

    def test_the_passage_that_answers_is_first_with_the_gold_answer_marked(self, two: Path) -> None:
        made = [group for group in self.groups(two) if group.answerable]
        marked = []
        for group in made:
            first, *others = group.passages
            marked += [first.text[begin:end] for begin, end in first.answers]
            assert not any(other.answers for other in others)
            assert not any(said in other.text for said in marked[-1:] for other in others)
        assert sorted(marked) == ["40", "Ann Lee", "Eve Moss", "Oda"]

    def test_an_answer_is_marked_where_it_stands_and_not_where_its_words_recur(
        self, tmp_path: Path
    ) -> None:
        again = "Tom Ray swept the yard. " * 30
        context = "The ship sank at noon. Tom Ray sank it."
        spans = [{"text": "Tom Ray", "answer_start": context.index("Tom Ray")}]
        asked = {"question": "Who sank the ship?", "answers": spans, "is_impossible": False}
        paragraphs = [{"context": again, "qas": []}, {"context": context, "qas": [asked]}]
        path = tmp_path / "again.json"
        path.write_text(json.dumps({"data": [{"title": "Ships", "paragraphs": paragraphs}]}))
        (group,) = self.groups(path)
        (passage,) = group.passages  # all others hold the name too
        ((begin, end),) = passage.answers
        assert passage.text[:end].endswith("at noon. Tom Ray")
        assert passage.text[begin:end] == "Tom Ray"

    def test_nothing_answers_a_question_of_another_article(self, two: Path) -> None:
        made = self.groups(two, far=1.0)
        assert len(made) == 2 * len(self.groups(two))
        for group in made:
            words = " ".join(passage.text for passage in group.passages)
            if "bread" in group.question.casefold() and "Oda" not in words:
                break
        else:
            raise AssertionError("the bread was asked for of its own article alone")
        assert not group.answerable

    def test_what_was_brought_beside_the_answer_is_shown_without_it(self, tmp_path: Path) -> None:
        contexts = [
            "Ann Lee built the tower. " + "It is a tall tower of red stone by the sea. " * 8,
            "Tom Ray keeps the tower. " + "He sweeps the tall stairs of it every day. " * 8,
        ]
        spans = [{"text": "Ann Lee", "answer_start": 0}]
        asked = {"question": "Who built the tower?", "answers": spans, "is_impossible": False}
        paragraphs = [{"context": contexts[0], "qas": [asked]}, {"context": contexts[1], "qas": []}]
        path = tmp_path / "one.json"
        path.write_text(json.dumps({"data": [{"title": "Tower", "paragraphs": paragraphs}]}))
        assert [group.answerable for group in self.groups(path)] == [True]
        answered, silent = self.groups(path, left_out=1.0)
        assert answered.answerable
        assert not silent.answerable
        assert silent.passages
        assert all("Ann Lee" not in passage.text for passage in silent.passages)

    def test_about_another_name_the_passage_does_not_answer(self, two: Path) -> None:
        plain = {group.question.casefold() for group in self.groups(two)}
        turned = [g for g in self.groups(two, opposed=1.0) if g.question.casefold() not in plain]
        assert turned
        assert all(not group.answerable for group in turned)

    def test_with_another_name_a_question_is_shown_what_answered_it(self, tmp_path: Path) -> None:
        context = "The keeper at Borin was Tom Ray. " + "It was a tower of red stone. " * 20
        other = "It was a mill of old wood, seen from Aldra. " * 20
        spans = [{"text": "Tom Ray", "answer_start": context.index("Tom Ray")}]
        asked = {"question": "Who was the keeper at Borin?", "answers": spans}
        paragraphs = [
            {"context": context, "qas": [{**asked, "is_impossible": False}]},
            {"context": other, "qas": []},
        ]
        path = tmp_path / "one.json"
        path.write_text(json.dumps({"data": [{"title": "Tower", "paragraphs": paragraphs}]}))
        answered, turned = self.groups(path, swapped=1.0)
        assert answered.answerable
        assert turned.question.casefold().rstrip("?") == "who was the keeper at aldra"
        assert turned.passages == (Passage(answered.passages[0].text),)

    @pytest.mark.parametrize(("negatives", "wrong"), [(0.0, 1), (1.0, 2)])
    def test_beside_the_answer_stand_one_or_two_that_do_not_hold_it(
        self, tmp_path: Path, negatives: float, wrong: int
    ) -> None:
        names = ["Ann Lee", "Tom Ray", "Eve Moss", "Oda Finn"]
        contexts = [f"{name} saw the tower. " + "It is tall and red. " * 20 for name in names]
        spans = [{"text": "Ann Lee", "answer_start": 0}]
        asked = {"question": "Who saw the tall tower?", "answers": spans, "is_impossible": False}
        paragraphs = [{"context": c, "qas": [asked] * (c is contexts[0])} for c in contexts]
        path = tmp_path / "one.json"
        path.write_text(json.dumps({"data": [{"title": "Tower", "paragraphs": paragraphs}]}))
        (group,) = self.groups(path, negatives=negatives)
        assert group.answerable
        assert len(group.passages) == 1 + wrong

    def test_without_its_sentence_the_passage_does_not_answer(self, tmp_path: Path) -> None:
        rest = "The keeper of the tower is Tom Ray, who has kept it for as long as anyone recalls. "
        context = "Ann Lee built the tower. " + rest * 3
        spans = [{"text": "Ann Lee", "answer_start": 0}]
        asked = {"question": "Who built the tower?", "answers": spans, "is_impossible": False}
        paragraph = {"context": context, "qas": [asked]}
        path = tmp_path / "one.json"
        path.write_text(json.dumps({"data": [{"title": "Tower", "paragraphs": [paragraph]}]}))
        answered, silent = self.groups(path, removed=1.0)
        assert answered.answerable
        assert [p.text.startswith("The keeper") for p in silent.passages] == [True]


@pytest.mark.parametrize("shown", ["retrieved", "sentences"])
def test_each_stage_is_shown_its_sort_of_passages(file: Path, tmp_path: Path, shown: str) -> None:
    mixes = FOURTH if shown == "retrieved" else VERIFIER
    mixes = replace(mixes, hard=replace(mixes.hard, own=1.0))
    run = Run(tmp_path, None, (file,), (), (), mixes, 1, 1, 1e-4, 1, epochs=1, shown=shown)
    passages = [p for batch in plan(run) for group in batch for p in group.passages]
    whole = [p.text for p in passages if p.text.startswith(PASSAGE)]
    assert bool(whole) == (shown == "retrieved")


def test_above_the_readers_layers_the_verifier_has_its_own(tmp_path: Path) -> None:
    names = ("encoder.encoder.layer.2.a", "encoder.encoder.layer.3.a", "head.weight")
    save_file({name: torch.ones(1) for name in names}, tmp_path / "all")
    upper(tmp_path / "all", 3, tmp_path / "own")
    assert set(load_file(tmp_path / "own")) == set(names[1:])


def test_each_stage_goes_on_from_where_the_one_before_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: dict[str, Run] = {}

    def note(run: Run) -> None:
        assert run.begin is None or run.begin.exists()
        assert run.out.name not in runs
        runs[run.out.name] = run

    def write(*given: object) -> None:
        """What is written are the names of what it was made of."""
        *made_of, out = given
        assert isinstance(out, Path)
        named = [one.stem if isinstance(one, Path) else one for one in made_of]
        out.write_text(repr(named))

    def both(run: Run, out: Path, _every: int, merged: Path, _processes: int) -> None:
        """In the place of ``twice``, whose processes would train."""
        if not merged.exists():
            note(replace(run, out=out))
            write(merged)

    monkeypatch.setattr(stages, "train", note)
    monkeypatch.setattr(stages, "merge", lambda runs, out: write(*runs, out))
    monkeypatch.setattr(stages, "between", write)
    monkeypatch.setattr(stages, "upper", write)
    monkeypatch.setattr(stages, "twice", both)
    monkeypatch.setattr(
        sys, "argv", ["training", str(tmp_path), "--hard", "a", "--steps", *"12345"]
    )
    stages.main()
    stages.main()  # what is done is not done again
    assert {name: (run.begin and run.begin.stem, run.steps) for name, run in runs.items()} == {
        "first": (None, 1),
        "second": ("first", 2),
        "third": ("second", 3),
        "fourth-7": ("known", 4),
        "fourth-8": ("fourth-7", 4),
        "freed-9": ("fourth", 4),
        "freed-10": ("reader-9", 4),
        "freed-11": ("reader-10", 4),
        "verifier-7": ("known", 5),
        "verifier-8": ("verifier-7", 5),
    }
    reading, verifying = (
        [(run.mixes, run.seed, run.shown, run.frozen) for n, run in runs.items() if stage in n]
        for stage in ("fourth-", "verifier")
    )
    assert reading == [(FOURTH, seed, "retrieved", VERIFIED_FROM) for seed in (7, 8)]
    assert verifying == [(VERIFIER, seed, "sentences", VERIFIED_FROM) for seed in (7, 8)]
    made = {path.stem: path.read_text() for path in tmp_path.glob("*.safetensors")}
    assert made["known"] == repr(["second", "third", stages.SHARE])
    for seed, begin in ((9, "fourth"), (10, "reader-9"), (11, "reader-10")):
        assert runs[f"freed-{seed}"] == replace(
            runs["fourth-8"],
            out=tmp_path / f"freed-{seed}",
            begin=tmp_path / f"{begin}.safetensors",
            seed=seed,
            frozen=0,
        )
    assert made["fourth"] == repr(["fourth-7", "fourth-8", stages.SHARE_AGAIN])
    assert made["reader-9"] == repr(["fourth", "freed-9", stages.SHARE_AGAIN])
    assert made["reader"] == repr(["reader-10", "freed-11", stages.SHARE_AGAIN])
    assert made["fourth-8"] == repr(["fourth-8"])
    assert made["verifier"] == repr(["verifier-8", VERIFIED_FROM])
