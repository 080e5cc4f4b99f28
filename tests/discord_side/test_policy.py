"""Who is answered, how often, and whose articles a re-index may touch."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bot.policy import (
    Allowance,
    Cooldown,
    Decision,
    Facts,
    Place,
    Standing,
    Target,
    Verdict,
    decide,
    is_question,
    last_question,
    question_in,
    reindex_target,
    scope_of,
    without_mentions,
)
from index import Preferences, Scope

ANN = (1, 10)
BEN = (1, 20)


def facts(text: str = "Who?", **changes: object) -> Facts:
    return Facts(**{"text": text, "max_chars": 20, **changes})


def test_a_question_that_addresses_the_bot_is_answered() -> None:
    assert decide(facts()) == Decision(Verdict.ANSWER)


@pytest.mark.parametrize(
    "why", [{"from_bot": True}, {"from_webhook": True}, {"from_system": True}, {"addressed": False}]
)
def test_machines_and_talk_between_others_are_ignored_before_anything_else(why: dict) -> None:
    assert decide(facts(allowance=Allowance(5.0), **why)) == Decision(Verdict.IGNORE)
    assert decide(facts("", **why)) == Decision(Verdict.IGNORE)


def test_an_empty_mention_gets_help() -> None:
    assert decide(facts(" \n ")) == Decision(Verdict.HELP)


def test_a_question_is_too_long_from_one_character_over_the_limit() -> None:
    assert decide(facts("x" * 20)) == Decision(Verdict.ANSWER)
    assert decide(facts("x" * 21)) == Decision(Verdict.TOO_LONG)


def test_who_asks_too_fast_is_told_once_by_message_and_always_by_command() -> None:
    again = Allowance(2.5, told=True)
    assert decide(facts(allowance=Allowance(2.5))) == Decision(Verdict.WAIT, 2.5)
    assert decide(facts(allowance=again)) == Decision(Verdict.IGNORE)
    assert decide(facts(allowance=again, by_command=True)) == Decision(Verdict.WAIT, 2.5)


def test_a_cooldown_allows_a_burst_and_then_one_question_an_interval() -> None:
    cooldown = Cooldown(10.0, burst=2)
    assert [cooldown.take(ANN, 100.0).wait_s for _ in range(3)] == [0, 0, 10.0]
    assert cooldown.take(ANN, 104.0) == Allowance(6.0, told=True)
    assert cooldown.take(ANN, 110.0) == Allowance()
    assert cooldown.take(ANN, 110.0) == Allowance(10.0, told=False)


def test_a_cooldown_counts_every_user_of_every_server_apart() -> None:
    cooldown = Cooldown(10.0, burst=1)
    assert cooldown.take(ANN, 0.0) == Allowance()
    assert cooldown.take(BEN, 0.0) == Allowance()
    assert cooldown.take((2, 10), 0.0) == Allowance()
    assert cooldown.take(ANN, 0.0).wait_s == 10.0


def test_a_cooldown_of_zero_never_waits() -> None:
    cooldown = Cooldown(0.0)
    assert {cooldown.take(ANN, 0.0) for _ in range(1000)} == {Allowance()}


def test_a_cooldown_forgets_the_users_who_owe_nothing() -> None:
    cooldown = Cooldown(1.0, burst=1, most_keys=2)
    for user in range(3):
        cooldown.take((1, user), 0.0)
    cooldown.take((1, 3), 50.0)
    assert set(cooldown._paid_at) == {(1, 3)}


@pytest.mark.parametrize(
    ("content", "question"),
    [
        ("<@7> who?", "who?"),
        ("who <@!7> is it?", "who is it?"),
        ("<@&70> who?", "who?"),
        ("<@7><@!7>", ""),
        ("<@77> and <@&7> stay", "<@77> and <@&7> stay"),
        ("<@7> one\ntwo", "one\ntwo"),
    ],
)
def test_every_form_of_the_bots_mention_is_taken_out_and_no_other(
    content: str, question: str
) -> None:
    assert without_mentions(content, 7, frozenset({70})) == question


def test_a_question_in_a_server_reads_its_articles_and_elsewhere_the_askers_own() -> None:
    assert scope_of(5, 10) == Scope.guild(5)
    assert scope_of(None, 10) == Scope.direct(10)


@pytest.mark.parametrize(
    ("manages", "owns", "own_articles", "only", "target"),
    [
        (True, False, True, False, Target.GUILD),
        (True, True, True, True, Target.GUILD),
        (True, False, False, False, Target.NOT_OWNER),
        (True, False, False, True, Target.SHARED),
        (True, True, False, False, Target.SHARED),
        (False, True, False, False, Target.SHARED),
        (False, True, True, False, Target.NOT_MANAGER),
        (False, False, True, True, Target.NOT_MANAGER),
        (False, False, False, True, Target.NOT_MANAGER),
    ],
)
def test_a_server_is_its_managers_and_the_shared_scope_the_owners(
    manages: bool, owns: bool, own_articles: bool, only: bool, target: Target
) -> None:
    assert reindex_target(Standing(manages, owns, own_articles, only)) is target


def test_the_policy_knows_no_discord() -> None:
    code = "import sys, bot.policy, bot.errors, bot.offload; print('discord' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "False\n"


HERE = Place(channels=frozenset({1, 2}), roles=frozenset({10}))


@pytest.mark.parametrize(
    ("chosen", "verdict"),
    [
        (Preferences(), Verdict.ANSWER),
        (Preferences(channels=(1,)), Verdict.ANSWER),
        (Preferences(channels=(2, 3)), Verdict.ANSWER),
        (Preferences(channels=(3,)), Verdict.ELSEWHERE),
        (Preferences(channels=(3,), watched=(1,)), Verdict.ANSWER),
        (Preferences(watched=(3,)), Verdict.ANSWER),
        (Preferences(roles=(10, 11)), Verdict.ANSWER),
        (Preferences(roles=(11,)), Verdict.NOT_YOU),
        (Preferences(channels=(3,), roles=(11,), private=True), Verdict.ELSEWHERE),
        (Preferences(private=True), Verdict.BY_COMMAND),
    ],
)
def test_a_servers_choice_of_channels_roles_and_privacy_is_kept(
    chosen: Preferences, verdict: Verdict
) -> None:
    assert decide(facts(place=HERE, preferences=chosen)).verdict == verdict


def test_a_command_can_be_answered_in_private() -> None:
    chosen = Preferences(private=True)
    assert decide(facts(preferences=chosen, by_command=True)) == Decision(Verdict.ANSWER)


def test_a_choice_of_channels_does_not_reach_out_of_the_server() -> None:
    assert decide(facts(preferences=Preferences(channels=(3,)))) == Decision(Verdict.ANSWER)


def test_a_refusal_comes_before_the_wait_and_costs_nothing_to_repeat() -> None:
    refused = facts(place=HERE, preferences=Preferences(channels=(3,)), allowance=Allowance(9.0))
    assert decide(refused) == Decision(Verdict.ELSEWHERE)


def test_a_watched_channel_is_answered_when_asked_something_and_never_told_off() -> None:
    heard = {"addressed": False, "watched": True, "max_chars": 40}
    assert decide(facts("When was it built?", **heard)) == Decision(Verdict.ANSWER)
    assert decide(facts("It was built well.", **heard)) == Decision(Verdict.IGNORE)
    assert decide(facts("", **heard)) == Decision(Verdict.IGNORE)
    assert decide(facts(f"When was {'x' * 40} built?", **heard)) == Decision(Verdict.IGNORE)
    waiting = facts("When was it built?", allowance=Allowance(5.0), **heard)
    assert decide(waiting) == Decision(Verdict.IGNORE)
    private = facts("When was it built?", preferences=Preferences(private=True), **heard)
    assert decide(private) == Decision(Verdict.IGNORE)


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("When was it built?", True),
        ("so who is the keeper", True),
        ("The keeper is Ann, right?", True),
        ('He said "is it open today?"', True),
        ("What a lovely day. I went out", False),
        ("The keeper is Ann.", False),
        ("really now?", False),
        ("> When was it built?", False),
        ("", False),
    ],
)
def test_a_question_is_told_from_talk(text: str, asks: bool) -> None:
    assert is_question(text) is asks


def test_of_a_long_message_the_last_question_that_fits_counts_or_else_its_beginning() -> None:
    assert question_in("One two. Who? Three", 100) == "One two. Who? Three"
    assert question_in("First one? Then this? " + "x" * 30, 20) == "Then this?"
    assert question_in(f"Short? {'y' * 30}?", 20) == "Short?"
    assert question_in("one two three four five six", 14) == "one two three"
    assert question_in("x" * 30, 20) == "x" * 20
    assert last_question("No. Nothing!", 20) == ""
