"""May this be answered, and how often? Pure: no discord, no clock of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from index import Scope

BURST = 3
"""How many questions may follow each other before the cooldown bites."""


class Verdict(StrEnum):
    """What to do with a message or a command."""

    IGNORE = "ignore"
    HELP = "help"
    TOO_LONG = "too long"
    WAIT = "wait"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the cooldown says: seconds to wait (0: go on), and whether that was said before."""

    wait_s: float = 0.0
    told: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the decision rests on. ``text`` is the question without mentions."""

    text: str
    max_chars: int
    addressed: bool = True
    by_command: bool = False
    from_bot: bool = False
    from_webhook: bool = False
    from_system: bool = False
    allowance: Allowance = Allowance()


@dataclass(frozen=True, slots=True)
class Decision:
    """``wait_s`` is set with WAIT alone."""

    verdict: Verdict
    wait_s: float = 0.0


def decide(facts: Facts) -> Decision:
    """The first rule that fits wins:

    1. no bot (this one included), webhook or system message is ever answered;
    2. nor is a message that does not address the bot;
    3. who asks too fast is told to wait, a message's author only once in a row;
    4. a mention without a question gets help;
    5. a question of more than ``max_chars`` characters is refused.
    """
    if facts.from_bot or facts.from_webhook or facts.from_system or not facts.addressed:
        return Decision(Verdict.IGNORE)
    if facts.allowance.wait_s > 0:
        if facts.allowance.told and not facts.by_command:
            return Decision(Verdict.IGNORE)
        return Decision(Verdict.WAIT, facts.allowance.wait_s)
    if not facts.text.strip():
        return Decision(Verdict.HELP)
    if len(facts.text) > facts.max_chars:
        return Decision(Verdict.TOO_LONG)
    return Decision(Verdict.ANSWER)


class Cooldown:
    """At most ``burst`` questions at once and one every ``every_s`` after that, by key.

    The generic cell rate algorithm: one number a key, the time at which its questions
    would be paid off. The caller passes the clock, in seconds. ``every_s`` 0 never waits.
    """

    def __init__(self, every_s: float, burst: int = BURST, *, most_keys: int = 10_000) -> None:
        self._every_s = every_s
        self._slack_s = every_s * (burst - 1)
        self._most_keys = most_keys
        self._paid_at: dict[tuple[int, int], float] = {}
        self._told: set[tuple[int, int]] = set()

    def take(self, key: tuple[int, int], now: float) -> Allowance:
        """Spend one question of ``key`` = (guild, user); refused ones cost nothing."""
        paid_at = max(self._paid_at.get(key, now), now)
        wait_s = paid_at - now - self._slack_s
        if wait_s > 0:
            told = key in self._told
            self._told.add(key)
            return Allowance(wait_s, told)
        self._told.discard(key)
        self._paid_at[key] = paid_at + self._every_s
        self._forget_paid(now)
        return Allowance()

    def _forget_paid(self, now: float) -> None:
        if len(self._paid_at) > self._most_keys:
            self._paid_at = {key: at for key, at in self._paid_at.items() if at > now}
            self._told &= self._paid_at.keys()


def scope_of(guild_id: int | None, user_id: int) -> Scope:
    """Whose articles a question from here reads beside the shared ones."""
    return Scope.guild(guild_id) if guild_id is not None else Scope.direct(user_id)


def without_mentions(content: str, user_id: int, role_ids: frozenset[int] = frozenset()) -> str:
    """The content less every mention of the bot: ``<@id>``, ``<@!id>``, ``<@&role>``."""
    names = [rf"!?{user_id}", *(f"&{role_id}" for role_id in sorted(role_ids))]
    without = re.sub(rf"<@(?:{'|'.join(names)})>", " ", content)
    return re.sub(r"[^\S\n]+", " ", without).strip()


class Target(StrEnum):
    """Whose articles a re-index in a guild works on, or why it may not."""

    GUILD = "guild"
    SHARED = "shared"
    NOT_MANAGER = "not manager"
    NOT_OWNER = "not owner"


@dataclass(frozen=True, slots=True)
class Standing:
    """Who asks for a re-index, and where."""

    manages_guild: bool
    owns_bot: bool
    guild_has_articles: bool
    is_only_guild: bool


def reindex_target(standing: Standing) -> Target:
    """A guild's own articles belong to its managers. The shared ones, which a guild without
    its own reads, belong to the application's owner, or to the managers of the only guild.
    """
    if standing.manages_guild and standing.guild_has_articles:
        return Target.GUILD
    if standing.owns_bot and not standing.guild_has_articles:
        return Target.SHARED
    if not standing.manages_guild:
        return Target.NOT_MANAGER
    return Target.SHARED if standing.is_only_guild else Target.NOT_OWNER
