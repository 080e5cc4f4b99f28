"""How many of the sentences beside an answer belong to it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from index.composing import MOST_CHARS, MOST_ITEMS, AsGood, Beside, belonging, is_item
from index.intent import Wish


def beside(*texts: str, paragraph: int = 1, item: bool = False) -> list[Beside]:
    return [Beside(text, paragraph, item) for text in texts]


BEFORE, AFTER = AsGood(before=True), AsGood(after=True)
STORY = beside(
    "The gate was closed.",
    "This was because the water had risen.",
    "It took two days to fall.",
    "Ann came home.",
)


@pytest.mark.parametrize("wish", [Wish.FACT, Wish.VERDICT])
def test_a_fact_and_a_verdict_are_one_sentence(wish: Wish) -> None:
    assert belonging(wish, STORY, 0) == range(1)


def test_a_way_goes_on_with_what_refers_back_to_it() -> None:
    assert belonging(Wish.MANNER, STORY, 0) == range(3)
    assert belonging(Wish.MANNER, STORY, 2) == range(2, 3)


def test_where_the_reader_finds_as_much_in_the_next_sentence_that_one_belongs_too() -> None:
    told = beside("The sole gapes at the toe.", "Clean both faces.", "Ann came home.")
    assert belonging(Wish.MANNER, told, 0) == range(1)
    assert belonging(Wish.MANNER, told, 0, as_good=AFTER) == range(2)
    assert belonging(Wish.FACT, told, 0, as_good=AFTER) == range(1)
    apart = [*beside("There is a way."), *beside("Clean both faces.", paragraph=2)]
    assert belonging(Wish.MANNER, apart, 0, as_good=AFTER) == range(2)


def test_where_it_finds_as_much_in_the_sentence_before_that_one_belongs_too() -> None:
    told = beside("Herons nest there.", "So fireworks are off.", "It is quiet.", "They stay.")
    for wish in (Wish.MANNER, Wish.REASON):
        assert belonging(wish, told, 1).start == 1
        assert belonging(wish, told, 1, as_good=BEFORE) == range(3)
    assert belonging(Wish.FACT, told, 1, as_good=BEFORE) == range(1, 2)
    assert belonging(Wish.MANNER, told, 0, as_good=BEFORE).start == 0
    apart = [*beside("Herons nest there."), *beside("Fireworks are off.", paragraph=2)]
    assert belonging(Wish.MANNER, apart, 1, as_good=BEFORE) == range(1, 2)
    item = [*beside("1. Clean it", item=True), *beside("Then wait.")]
    assert belonging(Wish.MANNER, item, 1, as_good=BEFORE) == range(1, 2)
    long = beside("The heron is " + "very " * (MOST_CHARS // 5) + "shy.", "So they are off.")
    assert belonging(Wish.REASON, long, 1, as_good=BEFORE) == range(1, 2)


def test_a_list_that_begins_a_sentence_earlier_ends_no_sooner() -> None:
    told = beside(
        "One is in Aldra.", "Another is in Borin.", "Another is in Lorne.", "A third too."
    )
    assert belonging(Wish.LIST, told, 1) == range(1, 4)
    assert belonging(Wish.LIST, told, 1, as_good=BEFORE) == range(4)


def test_what_is_announced_and_begins_a_sentence_earlier_ends_no_sooner() -> None:
    told = beside(
        "She is thorough.",
        "She has a plan of three stages.",
        "First, she reads.",
        "Second, she writes.",
        "Third, she rests.",
    )
    assert belonging(Wish.LIST, told, 1) == range(1, 5)
    assert belonging(Wish.LIST, told, 1, as_good=BEFORE) == range(5)


def test_a_reason_takes_in_what_comes_before_it_alone() -> None:
    told = beside("It is quiet because herons nest there.", "Ann came home.")
    assert belonging(Wish.REASON, told, 0, as_good=AFTER) == range(1)
    assert belonging(Wish.MANNER, told, 0, as_good=AFTER) == range(2)


def test_a_question_that_leads_on_is_no_part_of_an_answer() -> None:
    twice = beside("Fireworks are off.", "But where do herons nest?", "And when?")
    assert belonging(Wish.REASON, twice, 0) == range(1)
    told = beside("Fireworks are off.", "They scare the herons.", "But where do herons nest?")
    assert belonging(Wish.REASON, told, 0) == range(2)
    asked = beside("Why are fireworks off?", "They scare the herons because they are loud.")
    assert belonging(Wish.REASON, asked, 1, as_good=BEFORE) == range(1, 2)
    assert belonging(Wish.REASON, asked, 0) == range(2)


def test_where_it_finds_as_much_in_an_item_all_of_them_belong() -> None:
    steps = [*beside("You mend it with glue."), *beside("1. Clean", "2. Glue", item=True)]
    assert belonging(Wish.MANNER, steps, 0) == range(1)
    assert belonging(Wish.MANNER, steps, 0, as_good=AFTER) == range(3)


def test_a_sentence_without_a_reason_goes_on_to_the_one_behind_it() -> None:
    bare = beside("Fireworks are off.", "Herons nest there.", "The noise drives them away.")
    assert belonging(Wish.REASON, bare, 0) == range(3)
    told = beside("Fireworks are off because of the herons.", "Ann came home.")
    assert belonging(Wish.REASON, told, 0) == range(1)


def test_a_reason_is_three_sentences_at_most() -> None:
    assert belonging(Wish.REASON, beside(*["So it went on."] * 6), 1) == range(1, 4)


def test_an_answer_does_not_go_on_into_the_next_paragraph() -> None:
    parts = [*beside("The gate was closed."), *beside("This was wrong.", paragraph=2)]
    assert belonging(Wish.REASON, parts, 0) == range(1)


def test_a_list_is_all_of_its_items_and_nothing_around_them() -> None:
    parts = [*beside("You need:"), *beside("a rope", "a card", "shoes", item=True), *beside("Go.")]
    assert belonging(Wish.LIST, parts, 2) == range(1, 4)
    assert belonging(Wish.LIST, parts, 0) == range(4)
    assert belonging(Wish.FACT, parts, 2) == range(2, 3)


def test_items_are_announced_without_a_sign_too() -> None:
    items = beside("a rope", "a card", item=True)
    assert belonging(Wish.LIST, [*beside("To enter you need"), *items], 0) == range(3)
    assert belonging(Wish.LIST, [*beside("Ann came home."), *items], 0) == range(1)


def test_stages_go_with_the_sentence_that_announces_them() -> None:
    told = beside("Her plan has three stages.", "At first the roof.", "Second, a school.",
                  "Third, a museum.", "Then lunch.")  # fmt: skip
    assert belonging(Wish.LIST, told, 0) == range(4)
    assert belonging(Wish.FACT, told, 0) == range(1)
    other = beside("The town has two bridges.", "The first mayor was Ann.")
    assert belonging(Wish.LIST, other, 0) == range(1)


def steps(*texts: str) -> list[Beside]:
    return [Beside(f"{n}. {text}", n + 1, item=True) for n, text in enumerate(texts, 1)]


ENTERING = steps("knock:", "wait", "bow", "walk in", "sit")


def test_of_a_procedure_all_steps_are_told() -> None:
    told = [*beside("To enter, do as follows:"), *ENTERING]
    assert belonging(Wish.MANNER, told, 0) == range(6)
    assert belonging(Wish.MANNER, told, 1) == range(1, 6)
    assert belonging(Wish.MANNER, ENTERING, 0) == range(5)
    assert belonging(Wish.MANNER, told, 2) == range(2, 5)  # one step was asked for
    assert belonging(Wish.REASON, told, 0) == range(4)
    points = [*told[:1], *beside("knock", "wait", "bow", "walk in", "sit", item=True)]
    assert belonging(Wish.MANNER, points, 0) == range(4)


def test_steps_are_counted_and_not_their_sentences() -> None:
    twofold = [
        Beside(text, one.paragraph, item=True)
        for one in steps(*"abcdefghij")
        for text in (one.text, "Then wait.")
    ]
    assert belonging(Wish.MANNER, twofold, 0) == range(2 * MOST_ITEMS)
    wordy = steps(*["very " * (MOST_CHARS // 20)] * 8)
    assert belonging(Wish.MANNER, wordy, 0) == range(3)


def test_no_step_is_told_by_half() -> None:
    (last,) = steps("Pull.")
    told = [*steps("x" * (MOST_CHARS // 2)), replace(last, paragraph=3)]
    told.append(replace(last, text="x" * (MOST_CHARS // 2), paragraph=3))
    assert belonging(Wish.MANNER, told, 0) == range(1)
    assert belonging(Wish.MANNER, told[:2], 0) == range(2)


def test_the_steps_of_a_step_are_told_with_it() -> None:
    kneading = Beside("3. Knead by hand:", 1, item=True)
    assert belonging(Wish.MANNER, [kneading, *steps(*"abcdef")], 0) == range(7)
    assert belonging(Wish.MANNER, [replace(kneading, text="3. Knead."), *ENTERING], 0) == range(3)


def test_what_a_colon_promises_belongs_where_the_answer_goes_on_to_it() -> None:
    told = [*beside("You may enter.", "To do so, do this:"), *ENTERING]
    assert belonging(Wish.MANNER, told, 0, as_good=AFTER) == range(7)
    assert belonging(Wish.MANNER, told[:2], 0, as_good=AFTER) == range(2)
    other = [*told[:2], *beside("Ann came home.", paragraph=2)]
    assert belonging(Wish.MANNER, other, 0, as_good=AFTER) == range(2)
    long = [*beside("x" * (MOST_CHARS - 30), "To do so, do this:"), *ENTERING]
    assert belonging(Wish.MANNER, long, 0, as_good=AFTER) == range(3)


def test_a_long_list_is_cut_and_holds_the_answer() -> None:
    parts = beside(*[f"thing {n}" for n in range(30)], item=True)
    for chosen in (0, 12, 29):
        found = belonging(Wish.LIST, parts, chosen)
        assert chosen in found
        assert len(found) <= MOST_ITEMS


def test_things_in_running_text_go_on_where_the_text_says_so() -> None:
    parts = beside("One was a lamp.", "The other was a bell.", "Ann liked both.")
    assert belonging(Wish.LIST, parts, 0) == range(2)
    two = beside("Wardens gain a taunt.", "Lamplighters may revive one ally.", "Ann came home.")
    assert belonging(Wish.LIST, two, 0, asked=["warden", "lamplight"]) == range(2)


@pytest.mark.parametrize(
    ("text", "start", "expected"),
    [
        ("• a rope", 2, True),
        ("x\n  - a rope. Or two.", 15, True),
        ("3. Clip in.", 0, True),
        ("A rope.", 0, False),
        ("It was 3. Then", 10, False),
    ],
)
def test_an_item_is_what_stands_on_a_line_with_a_bullet(
    text: str, start: int, expected: bool
) -> None:
    assert is_item(text, start) is expected
