"""A re-index that would lose or change answers: what, and whether to publish it all the same."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Protocol, Self, cast

from discord import ButtonStyle, ui

from bot import delivery
from bot.card import CALM, DOUBTFUL, NAME_CHARS, card, listed, row, rule, small
from bot.errors import Gone
from bot.i18n import say
from bot.markdown import fit
from bot.panels.reindex import report_panel
from bot.pressing import LastingItem, Press, managed_scope
from index import Rehearsal, Replayed, Scope

MOST = 4
ANSWER_CHARS = 90
HELD_S = 3_600.0
MOST_HELD = 50


class Held:
    """Rehearsals that wait for a decision, for an hour and not over a restart."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[float, Rehearsal]] = OrderedDict()

    def keep(self, rehearsal: Rehearsal) -> str:
        """A name by which it can be taken."""
        name = secrets.token_hex(8)
        self._kept[name] = (time.monotonic(), rehearsal)
        while len(self._kept) > MOST_HELD:
            self._kept.popitem(last=False)
        return name

    def take(self, name: str) -> Rehearsal:
        """The rehearsal, once; Gone when it is held no more."""
        kept_at, rehearsal = self._kept.pop(name, (0.0, None))
        if rehearsal is None or time.monotonic() - kept_at > HELD_S:
            raise Gone("error.rehearsal.gone")
        return rehearsal

    def scope_of(self, name: str) -> Scope | None:
        found = self._kept.get(name)
        return found[1].scope if found else None


class Holds(Protocol):
    """What a button needs of the feature that rehearses."""

    held: Held


def rehearsal_panel(locale: object, rehearsal: Rehearsal, name: str) -> ui.LayoutView:
    changed = [fit(title, NAME_CHARS) for title in rehearsal.changed]
    more = say(locale, "list.more", count=max(0, len(changed) - MOST))
    return card(
        say(locale, "rehearsal.title"),
        say(locale, "rehearsal.intro", unchanged=rehearsal.unchanged),
        f"{say(locale, 'reindex.changed', count=len(changed))}\n{listed(changed, more, MOST)}",
        *_group(locale, "lost", rehearsal.lost),
        *_group(locale, "different", rehearsal.different),
        *_group(locale, "better", rehearsal.better),
        rule(),
        row(
            RehearsalButton.build(locale, "promote", name),
            RehearsalButton.build(locale, "discard", name),
        ),
        small(say(locale, "rehearsal.remark")),
        colour=DOUBTFUL,
    )


def _group(locale: object, kind: str, replayed: Sequence[Replayed]) -> list[str]:
    if not replayed:
        return []
    lines = [
        f"{fit(each.question, ANSWER_CHARS)}\n  {_said(locale, each.before)}"
        f" → {_said(locale, each.after)}"
        for each in replayed
    ]
    more = say(locale, "list.more", count=max(0, len(lines) - MOST))
    return [f"{say(locale, f'rehearsal.{kind}', count=len(lines))}\n{listed(lines, more, MOST)}"]


def _said(locale: object, answer: str | None) -> str:
    return say(locale, "rehearsal.declined") if answer is None else fit(answer, ANSWER_CHARS)


class RehearsalButton(
    LastingItem[ui.Button[Any]],
    template=r"rehearsal:(?P<do>promote|discard):(?P<name>[0-9a-f]{16})",
):
    """Publishes what was rehearsed, or throws it away."""

    @classmethod
    def build(cls, locale: object, do: str, name: str) -> Self:
        style = ButtonStyle.green if do == "promote" else ButtonStyle.grey
        label = say(locale, f"rehearsal.{do}")
        return cls(ui.Button(label=label, custom_id=f"rehearsal:{do}:{name}", style=style))

    async def press(self, interaction: Press) -> None:
        match = self.template.fullmatch(self.custom_id)
        assert match is not None
        bot = interaction.client
        own = managed_scope(interaction)
        held = cast("Holds", bot.get_cog("Reindex")).held
        # The shared articles may be rehearsed from here, but then only by who may.
        scope = held.scope_of(match["name"])
        if scope != own and not (scope == Scope.shared() and await _may_shared(interaction)):
            raise Gone("error.rehearsal.gone")
        rehearsal = held.take(match["name"])
        await delivery.defer(interaction, thinking=False)
        if match["do"] == "discard":
            panel = card(say(interaction.locale, "rehearsal.discarded"), colour=CALM)
        else:
            report = await bot.workshop.run(
                interaction,
                rehearsal.scope,
                lambda told: bot.engine.promote(rehearsal, progress=told),
            )
            shared = rehearsal.scope == Scope.shared()
            panel = report_panel(interaction.locale, report, shared=shared)
        await delivery.respond(interaction, panel)


async def _may_shared(interaction: Press) -> bool:
    """Whether the presser may change the shared articles: the owner, or of the only server."""
    bot = interaction.client
    if await bot.is_owner(interaction.user):
        return True
    return [guild.id for guild in bot.guilds] == [interaction.guild_id]
