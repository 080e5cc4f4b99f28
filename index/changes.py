"""Two versions of a text -> the sentences that were added, removed and changed.

Sentences are compared as they read: white space does not count, nor where they stand as
long as their order stays (Myers-like matching of difflib). A removed sentence and an
added one at the same place that share most of their words are one that was changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher

from index.types import Changes

_MOST_PAIRS = 2_500
_MOST_COMPARED = 400
"""Sentences of both versions; beyond it, ones that occur often are not matched."""
_ALIKE = 0.5
"""The share of words that makes one sentence a changed form of another."""


def changes(before: Sequence[str], after: Sequence[str]) -> Changes:
    """Compare the sentences of two versions, in the order of the text."""
    old, new = [" ".join(s.split()) for s in before], [" ".join(s.split()) for s in after]
    added: list[str] = []
    removed: list[str] = []
    changed: list[tuple[str, str]] = []
    hasty = len(old) + len(new) > _MOST_COMPARED
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=hasty).get_opcodes():
        if kind == "equal":
            continue
        gone, come = old[a:b], new[c:d]
        if len(gone) * len(come) > _MOST_PAIRS:  # rewritten: there are no twins to look for
            removed += gone
            added += come
            continue
        for sentence in gone:
            twin = max(come, key=lambda other: _alike(sentence, other), default=None)
            if twin is not None and _alike(sentence, twin) >= _ALIKE:
                changed.append((sentence, twin))
                come.remove(twin)
            else:
                removed.append(sentence)
        added += come
    moved = set(added) & set(removed)
    return Changes(
        added=tuple(s for s in added if s not in moved),
        removed=tuple(s for s in removed if s not in moved),
        changed=tuple(changed),
    )


def _alike(one: str, other: str) -> float:
    ours, theirs = Counter(one.split()), Counter(other.split())
    return 2 * (ours & theirs).total() / max(1, ours.total() + theirs.total())
