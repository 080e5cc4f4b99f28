"""Turns of a conversation are kept for a while, and not without bounds."""

from __future__ import annotations

from bot.conversation import Chain, Conversations, Person, Thread
from index import Turn

FIRST, SECOND, THIRD = (Turn(f"Question {n}?", f"Answer {n}.") for n in (1, 2, 3))
ANN = Person(1, 10)


def test_a_conversation_is_known_by_every_key_it_was_kept_under() -> None:
    conversations = Conversations()
    conversations.keep((ANN, Chain(99)), (FIRST,), now=0.0)
    assert conversations.turns(ANN, 1.0) == (FIRST,)
    assert conversations.turns(Chain(99), 1.0) == (FIRST,)
    assert conversations.turns(Person(2, 10), 1.0) == ()
    assert conversations.turns(Person(1, 20), 1.0) == ()
    assert conversations.turns(Thread(1), 1.0) == ()


def test_only_the_last_turns_are_kept() -> None:
    conversations = Conversations(most_turns=2)
    conversations.keep((ANN,), (FIRST, SECOND, THIRD), now=0.0)
    assert conversations.turns(ANN, 0.0) == (SECOND, THIRD)


def test_a_conversation_ends_when_nobody_goes_on_with_it() -> None:
    conversations = Conversations(lives_s=60)
    conversations.keep((ANN,), (FIRST,), now=0.0)
    assert conversations.turns(ANN, 59.9) == (FIRST,)
    assert conversations.turns(ANN, 60.0) == ()
    conversations.keep((Chain(5),), (SECOND,), now=61.0)
    assert list(conversations._kept) == [Chain(5)], "what has ended takes no room"


def test_of_too_many_conversations_the_one_longest_silent_is_dropped() -> None:
    conversations = Conversations(most=2)
    conversations.keep((ANN,), (FIRST,), now=0.0)
    conversations.keep((Chain(1),), (FIRST,), now=1.0)
    conversations.keep((ANN,), (FIRST, SECOND), now=2.0)
    conversations.keep((Chain(2),), (FIRST,), now=3.0)
    assert conversations.turns(ANN, 3.0) == (FIRST, SECOND)
    assert conversations.turns(Chain(1), 3.0) == ()


def test_who_wants_to_be_forgotten_is_in_no_conversation_any_more() -> None:
    conversations = Conversations()
    conversations.keep((ANN, Chain(5)), (FIRST,), now=0.0)
    conversations.keep((Person(1, 20),), (SECOND,), now=0.0)
    conversations.forget(10)
    assert conversations.turns(ANN, 0.0) == ()
    assert conversations.turns(Chain(5), 0.0) == ()
    assert conversations.turns(Person(1, 20), 0.0) == (SECOND,)
