"""Confidence is a probability that moves the right way."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.confidence import Signals, confidence
from index.settings import THRESHOLD

PICKED = Signals(0.6, 0.6, 0.7, 0.6, 0.6, 0.6, 0.1)
READ = replace(PICKED, lead=6.0, margin=4.0, verified=3.0)
NAMES = {
    PICKED: ("coverage", "quote_cosine", "quote_coverage", "lead"),
    READ: ("quote_cosine", "context_coverage", "margin", "verified"),
}


@pytest.mark.parametrize(
    ("signals", "name"),
    [
        (signals, name)
        for signals, own in NAMES.items()
        for name in ("best_sentence_cosine", "best_window_cosine", *own)
    ],
)
def test_more_evidence_makes_it_surer(signals: Signals, name: str) -> None:
    more = replace(signals, **{name: getattr(signals, name) + 0.2})
    assert confidence(more) > confidence(signals)


def test_words_that_stand_elsewhere_in_the_article_speak_against_the_sentence() -> None:
    """The article knows of what is asked for, and this sentence does not."""
    assert confidence(replace(READ, coverage=0.9)) < confidence(READ)
    assert confidence(replace(READ, coverage=0.9, context_coverage=0.8)) > confidence(READ)


def test_a_reader_that_reads_no_sentence_alone_is_taken_at_its_word() -> None:
    assert confidence(replace(READ, verified=None)) == confidence(replace(READ, verified=4.0))


@pytest.mark.parametrize("signals", [PICKED, READ])
def test_what_the_article_does_not_speak_of_is_declined_unless_the_reader_is_sure_of_it(
    signals: Signals,
) -> None:
    nothing = {"coverage": 0.0, "quote_coverage": 0.0, "context_coverage": 0.0}
    far = dict.fromkeys(("best_sentence_cosine", "best_window_cosine", "quote_cosine"), 0.1)
    off = replace(signals, **far, **nothing)
    if signals is PICKED:
        assert confidence(off) < 0.01
        return
    # Of 1,092 off-topic development questions eleven had margins above both of these.
    assert confidence(replace(off, margin=1.0, verified=-2.0)) < THRESHOLD
    assert confidence(replace(off, margin=-4.0, verified=-4.0)) < THRESHOLD / 3
    assert confidence(off) < confidence(signals) / 3


def test_what_both_margins_deny_weighs_more_the_further_they_do() -> None:
    def odds(margin: float) -> float:
        sure = confidence(replace(READ, margin=margin, verified=margin))
        return math.log(sure / (1 - sure))

    assert odds(-6.0) - odds(-8.0) > 1.5 * (odds(-0.5) - odds(-2.5))


@given(st.lists(st.floats(-1, 1), min_size=7, max_size=7), st.none() | st.floats(-60, 60))
def test_it_lies_between_0_and_1(values: list[float], margin: float | None) -> None:
    assert 0 <= confidence(Signals(*values, margin=margin)) <= 1
