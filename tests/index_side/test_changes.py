"""What changed between two versions, sentence by sentence."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import ArticleNotFound, Changes, Engine, IndexSettings, Scope, restore
from index.articles import UNDO
from index.changes import changes

LOCAL = Scope.local()
SENTENCES = st.lists(st.sampled_from(["A b c.", "A b d.", "E f.", "G.", "H i j k."]), max_size=8)


def test_sentences_are_added_removed_and_changed() -> None:
    before = ["The fee is 5 pounds a week.", "Dogs are welcome.", "We open at nine."]
    after = ["The fee is 6 pounds a week.", "We open  at\nnine.", "Cats are not."]
    assert changes(before, after) == Changes(
        added=("Cats are not.",),
        removed=("Dogs are welcome.",),
        changed=(("The fee is 5 pounds a week.", "The fee is 6 pounds a week."),),
    )


def test_what_only_moved_did_not_change() -> None:
    assert not changes(
        ["One two.", "Three four.", "Five."], ["Three four.", "Five.", "One two."]
    ).any


@given(SENTENCES, SENTENCES)
def test_nothing_is_lost_between_the_versions(before: list[str], after: list[str]) -> None:
    found = changes(before, after)
    kept = set(before) - set(found.removed) - {old for old, _ in found.changed}
    assert kept <= set(after)
    assert set(after) - set(before) <= {*found.added, *(new for _, new in found.changed)}


def test_versions_are_kept_compared_and_pruned(open_engine) -> None:
    engine: Engine = open_engine(kept_versions=2)
    for text in (b"The king has a ship.", b"The king has two ships.", b"The queen has gold."):
        article = engine.add(LOCAL, text, title="A tale")
    assert [version.number for version in engine.versions(LOCAL, article.id)] == [1, 2, 3]
    assert engine.changes(article, since=1).removed == ("The king has a ship.",)
    engine.prune(datetime.now(UTC))
    assert [version.number for version in engine.versions(LOCAL, article.id)] == [2, 3]
    with pytest.raises(ArticleNotFound, match="version 1 of 'A tale' is not stored"):
        engine.changes(article, since=1)


def test_a_first_version_has_nothing_to_compare(open_engine) -> None:
    engine: Engine = open_engine()
    article = engine.add(LOCAL, b"The king has a ship.", title="A tale")
    found = engine.changes(article)
    assert (found.any, found.older) == (False, None)


def test_a_removal_is_for_good_after_a_day(open_engine) -> None:
    engine: Engine = open_engine()
    article = engine.add(LOCAL, b"The king has a ship.", title="A tale")
    engine.remove(LOCAL, article.id)
    now = datetime.now(UTC)
    assert engine.prune(now) == 0
    assert engine.prune(now + UNDO + timedelta(minutes=1)) == 1
    with pytest.raises(ArticleNotFound):
        engine.undelete(LOCAL, article.id)
    assert engine.versions(LOCAL, article.id) == []
    assert engine.verify(LOCAL).problems == ()
    # Neither a number nor a version is given out a second time: buttons and answers name them.
    other = engine.add(LOCAL, b"Bananas are yellow.", title="Another")
    assert other.id == article.id + 1
    again = engine.add(LOCAL, b"The queen has gold.", title="A tale")
    assert (again.id, again.version) == (article.id, 2)
    assert engine.ask(LOCAL, "Who has gold?", threshold=0).text == "The queen has gold."
    with pytest.raises(ArticleNotFound):
        engine.undelete(LOCAL, 10**30)


def test_a_scope_is_rolled_back_to_a_kept_generation(open_engine) -> None:
    engine: Engine = open_engine()
    first = engine.add(LOCAL, b"The king has a ship.", title="A tale")
    second = engine.add(LOCAL, b"The queen has gold.", title="B")
    (now, *_) = engine.generations(LOCAL)
    assert (now.live, [title for _, _, title in now.articles]) == (True, ["A tale", "B"])
    engine.add(LOCAL, b"The king has a storm.", title="A tale")
    engine.remove(LOCAL, second.id)
    articles = engine.roll_back(LOCAL, now.name)
    assert [(article.id, article.version) for article in articles] == [
        (first.id, 1), (second.id, 1)
    ]  # fmt: skip
    assert engine.ask(LOCAL, "Who has a ship?", threshold=0).text == "The king has a ship."
    assert engine.verify(LOCAL).problems == ()
    newest = engine.add(LOCAL, b"The king has an island.", title="A tale")
    assert newest.version == 3  # 2 is stored, and stays what it was
    assert engine.changes(newest, since=2).changed == (
        ("The king has a storm.", "The king has an island."),
    )
    with pytest.raises(ArticleNotFound, match="keeps no generation"):
        engine.roll_back(LOCAL, "00000001-00000000")


def test_a_generation_whose_texts_are_gone_is_not_rolled_back_to(open_engine) -> None:
    engine: Engine = open_engine(kept_versions=1)
    engine.add(LOCAL, b"The king has a ship.", title="A tale")
    (then,) = engine.generations(LOCAL)
    engine.add(LOCAL, b"The king has a storm.", title="A tale")
    engine.prune(datetime.now(UTC))
    with pytest.raises(ArticleNotFound, match="no longer stored"):
        engine.roll_back(LOCAL, then.name)
    assert engine.articles(LOCAL)[0].version == 2


def test_no_version_is_given_out_twice_whatever_was_rolled_back(open_engine) -> None:
    engine: Engine = open_engine(threshold=0)
    engine.add(LOCAL, b"The king has a ship.", title="A tale")
    (first,) = engine.generations(LOCAL)
    second = engine.add(LOCAL, b"The king has a storm.", title="A tale")
    assert engine.ask(LOCAL, "What has the king?").text == "The king has a storm."
    engine.roll_back(LOCAL, first.name)
    engine.remove(LOCAL, second.id)
    engine.prune(datetime.now(UTC) + UNDO + timedelta(minutes=1))
    third = engine.add(LOCAL, b"The king has gold.", title="A tale")
    assert (third.id, third.version) == (second.id, 3)
    assert engine.ask(LOCAL, "What has the king?").text == "The king has gold."


def test_pruning_keeps_the_live_version_after_a_roll_back(open_engine) -> None:
    engine: Engine = open_engine(threshold=0, kept_versions=1)
    article = engine.add(LOCAL, b"The king has a ship.", title="A tale")
    (first,) = engine.generations(LOCAL)
    engine.add(LOCAL, b"The king has a storm.", title="A tale")
    engine.roll_back(LOCAL, first.name)
    engine.prune(datetime.now(UTC))
    assert engine.ask(LOCAL, "What has the king?").text == "The king has a ship."
    assert [version.number for version in engine.versions(LOCAL, article.id)] == [1, 2]


def test_long_texts_are_compared_in_no_time() -> None:
    repeated = [text for n in range(1_500) for text in (f"Only here {n}.", "Again and again.")]
    begun = time.monotonic()
    changes(repeated, ["Something else.", *repeated[::-1]])
    assert time.monotonic() - begun < 3
    before = [f"Sentence {n} of the old text." for n in range(6_000)]
    after = [f"Line {n} is written anew." for n in range(6_000)]
    begun = time.monotonic()
    found = changes(before, after)
    assert time.monotonic() - begun < 3
    assert (len(found.removed), len(found.added), found.changed) == (6_000, 6_000, ())


def test_a_backup_taken_under_load_answers_alike_elsewhere(open_engine, tmp_path, embedder) -> None:
    """While one thread adds and another asks; what is restored is one state, whole."""
    engine: Engine = open_engine(threshold=0)
    things = ("ship", "gold", "island", "storm", "king", "queen")
    for number in range(20):
        text = f"The king {number} has a {things[number % 6]}. A storm {number} came."
        engine.add(LOCAL, text.encode(), title=f"T {number}")
    questions = [f"{a} {b} {n}?" for n in range(6) for a in things for b in things][:200]
    expected = {question: engine.ask(LOCAL, question).quotes for question in questions}
    stopping = threading.Event()
    failed: list[BaseException] = []

    def load() -> None:
        number = 0
        try:
            while not stopping.is_set():
                number += 1
                engine.add(Scope.guild(5), f"The ship {number}.".encode(), title="load")
                engine.ask(LOCAL, questions[number % 200])
        except BaseException as error:  # noqa: BLE001 - told by the test
            failed.append(error)

    busy = threading.Thread(target=load)
    busy.start()
    try:
        engine.back_up(tmp_path / "copy.sqlite")
    finally:
        stopping.set()
        busy.join()
    assert failed == []
    assert restore(tmp_path / "elsewhere", tmp_path / "copy.sqlite") is None
    settings = IndexSettings(data_dir=tmp_path / "elsewhere", threshold=0)
    with Engine.open(settings, embedder=embedder) as other:
        assert {question: other.ask(LOCAL, question).quotes for question in questions} == expected
        assert other.verify(LOCAL).problems == ()
        assert other.verify(Scope.guild(5)).problems == ()
