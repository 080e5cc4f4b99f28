"""Confidence is a probability that moves the right way."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.confidence import Signals, confidence

PICKED = Signals(0.6, 0.6, 0.7, 0.6, 0.6, 0.1)
READ = replace(PICKED, lead=6.0, margin=4.0)
NAMES = (
    "best_sentence_cosine",
    "best_window_cosine",
    "coverage",
    "quote_cosine",
    "quote_coverage",
    "lead",
)


@pytest.mark.parametrize("signals", [PICKED, READ])
@pytest.mark.parametrize("name", NAMES)
def test_more_evidence_makes_it_surer(signals: Signals, name: str) -> None:
    more = replace(signals, **{name: getattr(signals, name) + 0.2})
    if name in {"lead", "quote_coverage"} and signals.margin is not None:  # it says it better
        assert confidence(more) == confidence(signals)
    else:
        assert confidence(more) > confidence(signals)


def test_the_readers_own_margin_counts() -> None:
    assert confidence(replace(READ, margin=8.0)) > confidence(READ)


@pytest.mark.parametrize("signals", [PICKED, READ])
def test_what_the_article_does_not_speak_of_is_hardly_believed(signals: Signals) -> None:
    off = replace(signals, best_sentence_cosine=0.1, best_window_cosine=0.1, coverage=0.0)
    assert confidence(off) < 0.01


@given(st.lists(st.floats(-1, 1), min_size=6, max_size=6), st.none() | st.floats(-60, 60))
def test_it_lies_between_0_and_1(values: list[float], margin: float | None) -> None:
    assert 0 <= confidence(Signals(*values, margin=margin)) <= 1
