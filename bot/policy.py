"""May this be answered, and how often? Pure: no discord, no clock of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from index import Preferences, Scope

BURST = 3
"""How many questions may follow each other before the cooldown bites."""

SERVER_SHARE = 10
SERVER_BURST = BURST * SERVER_SHARE
"""How many people of one server may ask as fast as one person may, and all their bursts."""


def bound_to(preferences: Preferences, place: Place) -> frozenset[int]:
    """The articles that a channel is bound to, or the one it is a thread of; empty: all."""
    return frozenset(article for channel, article in preferences.bound if channel in place.channels)


class Verdict(StrEnum):
    """What to do with a message or a command."""

    IGNORE = "ignore"
    HELP = "help"
    TOO_LONG = "too long"
    WAIT = "wait"
    ELSEWHERE = "elsewhere"
    NOT_YOU = "not you"
    BY_COMMAND = "by command"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is asked: the channel with those it is part of, and the asker's roles.

    Outside of a server both are empty.
    """

    channels: frozenset[int] = frozenset()
    roles: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the cooldown says: seconds to wait (0: go on), and whether that was said before."""

    wait_s: float = 0.0
    told: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the decision rests on. ``text`` is the question without mentions;
    ``watched`` says that the bot listens where nobody spoke to it.
    """

    text: str
    max_chars: int
    addressed: bool = True
    watched: bool = False
    by_command: bool = False
    place: Place = Place()
    preferences: Preferences | None = None
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
    2. nor is a message that does not address the bot, but for a question in a watched
       channel, which is answered when nothing below stands in the way;
    3. the server's choice of channels, roles and privacy is kept, and whom it stops is told;
    4. who asks too fast is told to wait, a message's author only once in a row;
    5. a mention without a question gets help;
    6. a question of more than ``max_chars`` characters is refused.
    """
    if facts.from_bot or facts.from_webhook or facts.from_system:
        return Decision(Verdict.IGNORE)
    decision = _decide(facts)
    if facts.addressed:
        return decision
    answers = decision.verdict is Verdict.ANSWER
    listens = facts.watched and answers and is_question(facts.text)
    return decision if listens else Decision(Verdict.IGNORE)


def _decide(facts: Facts) -> Decision:
    refused = _refused(facts)
    if refused is not None:
        return Decision(refused)
    if facts.allowance.wait_s > 0:
        if facts.allowance.told and not facts.by_command:
            return Decision(Verdict.IGNORE)
        return Decision(Verdict.WAIT, facts.allowance.wait_s)
    if not facts.text.strip():
        return Decision(Verdict.HELP)
    if len(facts.text) > facts.max_chars:
        return Decision(Verdict.TOO_LONG)
    return Decision(Verdict.ANSWER)


def _refused(facts: Facts) -> Verdict | None:
    """What the server's preferences say against it, if anything."""
    chosen = facts.preferences
    if chosen is None:
        return None
    may_here = {*chosen.channels, *chosen.watched} if chosen.channels else facts.place.channels
    if facts.place.channels and facts.place.channels.isdisjoint(may_here):
        return Verdict.ELSEWHERE
    if chosen.roles and facts.place.roles.isdisjoint(chosen.roles):
        return Verdict.NOT_YOU
    # A reply to a message cannot be for one person alone.
    return Verdict.BY_COMMAND if chosen.private and not facts.by_command else None


_ASKS = re.compile(
    r"(?:so |and |but |ok |okay |hey |hi |please )*"
    r"(?:who|whom|whose|what|when|where|which|why|how|is|are|was|were|do|does|did|can|could"
    r"|will|would|should|has|have|had)(?:'s|\u2019s)?\s",
    re.IGNORECASE,
)


def is_question(text: str) -> bool:
    """Whether somebody who spoke to nobody in particular asked something: a few words that
    end with a question mark, or begin as questions do and end no sentence otherwise.
    """
    text = text.strip()
    if len(text.split()) < 3 or text.startswith((">", "```")):
        return False
    return text.rstrip("\"')\u201d").endswith("?") or (
        bool(_ASKS.match(text)) and not re.search(r"[.!](?:\s|$)", text)
    )


_SENTENCE = re.compile(r"[^.!?\n]*[.!?]*\s*")


def last_question(text: str, most_chars: int) -> str:
    """The last sentence that ends with a question mark, if one does and is not too long."""
    asked = [part.strip() for part in _SENTENCE.findall(text) if part.strip().endswith("?")]
    return next((part for part in reversed(asked) if len(part) <= most_chars), "")


def question_in(text: str, most_chars: int) -> str:
    """What a message asks: all of it, or of a longer one its last question, or its beginning."""
    if len(text) <= most_chars:
        return text
    head = text[:most_chars]
    return last_question(text, most_chars) or head.rpartition(" ")[0] or head


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
