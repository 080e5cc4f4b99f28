"""What was said before: the turns of each conversation, bounded and expiring. Pure.

A conversation belongs to a person in a channel, to a whole thread, or to the chain of
replies below an answer. Which turn counts is for the engine to say; here they are kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from index import Turn

MOST_TURNS = 4
LIVES_S = 30 * 60
MOST_CONVERSATIONS = 2_000

Turns = tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """What one person asked in one channel."""

    channel: int
    user: int


@dataclass(frozen=True, slots=True)
class Thread:
    """What anybody asked in a thread that was opened for it."""

    channel: int


@dataclass(frozen=True, slots=True)
class Chain:
    """The questions and replies that led to one answer of the bot."""

    answer: int


class Conversations:
    """The caller passes the clock, in seconds. What is kept never touches a disk."""

    def __init__(
        self,
        *,
        most_turns: int = MOST_TURNS,
        lives_s: float = LIVES_S,
        most: int = MOST_CONVERSATIONS,
    ) -> None:
        self._most_turns = most_turns
        self._lives_s = lives_s
        self._most = most
        self._kept: OrderedDict[Hashable, tuple[float, Turns]] = OrderedDict()

    def turns(self, key: Hashable, now: float) -> Turns:
        """The turns so far, oldest first; none when they are too long ago."""
        at, turns = self._kept.get(key, (now, ()))
        return turns if now - at < self._lives_s else ()

    def keep(self, keys: Iterable[Hashable], turns: Turns, now: float) -> None:
        """The last turns of a conversation, known by any of the keys from now on."""
        for key in keys:
            self._kept[key] = (now, turns[-self._most_turns :])
            self._kept.move_to_end(key)
        self._forget(now)

    def forget(self, user: int) -> None:
        """Drop what one person asked, and every chain and thread, since they may hold it too."""
        for key in [key for key in self._kept if not isinstance(key, Person) or key.user == user]:
            del self._kept[key]

    def _forget(self, now: float) -> None:
        # The oldest come first, since keeping moves to the end.
        while self._kept:
            at, _ = next(iter(self._kept.values()))
            if len(self._kept) <= self._most and now - at < self._lives_s:
                return
            self._kept.popitem(last=False)
