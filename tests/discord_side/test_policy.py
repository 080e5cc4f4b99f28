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
    Standing,
    Target,
    Verdict,
    decide,
    reindex_target,
    scope_of,
    without_mentions,
)
from index import Scope

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
