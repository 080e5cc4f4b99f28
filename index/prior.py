"""What speaks for a sentence before a reader reads it.

The reader's score says which words of a passage look like an answer, and little of whether
the passage speaks of what was asked. So each sentence has a prior as well, and the two are
added: a linear model of the sentence's own cosine and that of the windows around it, of the
best fused score in its passage, of the question's words that it and the sentence before it
hold, and of its place in the passage, whose first sentence tends to name the matter and the
later ones to say something of it.

Fitted together with the reader's scores, as a choice among all sentences of a question
(conditional logit: McFadden 1974), by ``python -m tests.bench.fit_prior``, which reports
on two folds of articles, each judged by the other's weights.
"""

from __future__ import annotations

from typing import NamedTuple

_SLOPES = (3.75, 4.48, 6.71, 5.30, 2.10)


class Evidence(NamedTuple):
    """Each 0..1. The cosines are scaled over the candidates of the question; ``passage`` is the
    best fused score of the sentences that are read together; ``coverage``, the share of the
    question's words that the sentence and the one before it in that passage hold; and ``place``,
    how many sentences of the passage stand before it, as a share.
    """

    sentence_cosine: float
    window_cosine: float
    passage: float
    coverage: float
    place: float


def prior(evidence: Evidence) -> float:
    """On the scale of the reader's margin: the higher, the likelier it answers."""
    return sum(slope * value for slope, value in zip(_SLOPES, evidence, strict=True))
