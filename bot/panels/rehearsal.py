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
from bot.errors import Gone, NotAllowed
from bot.i18n import say
from bot.markdown import fit
from bot.panels.reindex import report_panel
from bot.pressing import LastingItem, Press
from index import Rehearsal, RehearsalOutdated, Replayed, Scope

MOST = 4
ANSWER_CHARS = 90
HELD_S = 3_600.0
MOST_HELD = 50


class Held:
    """Rehearsals that wait for a decision: the newest of each scope, for an hour, and not
    over a restart.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[Scope, tuple[str, float, Rehearsal]] = OrderedDict()

    def keep(self, rehearsal: Rehearsal) -> str:
        """A name by which it is found."""
        name = secrets.token_hex(8)
        self._sweep()
        self._kept.pop(rehearsal.scope, None)
        self._kept[rehearsal.scope] = (name, time.monotonic(), rehearsal)
        while len(self._kept) > MOST_HELD:
            self._kept.popitem(last=False)
        return name

    def get(self, name: str) -> Rehearsal:
        """The rehearsal of that name; Gone when it is held no more."""
        self._sweep()
        for kept_name, _, rehearsal in self._kept.values():
            if kept_name == name:
                return rehearsal
        raise Gone("error.rehearsal.gone")

    def drop(self, rehearsal: Rehearsal) -> None:
        kept = self._kept.get(rehearsal.scope)
        if kept is not None and kept[2] is rehearsal:
            del self._kept[rehearsal.scope]

    def _sweep(self) -> None:
        oldest = time.monotonic() - HELD_S
        for scope in [scope for scope, (_, at, _) in self._kept.items() if at < oldest]:
            del self._kept[scope]


class Holds(Protocol):
    """What a button needs of the feature that rehearses."""

    held: Held


def rehearsal_panel(locale: object, rehearsal: Rehearsal, name: str) -> ui.LayoutView:
    """How many answers would change. Which ones is for those alone who may publish it:
    the questions were asked by people, some of them in private.
    """
    changed = [fit(title, NAME_CHARS) for title in rehearsal.changed]
    more = say(locale, "list.more", count=max(0, len(changed) - MOST))
    counts = [
        say(locale, f"rehearsal.{kind}", count=len(replayed))
        for kind, replayed in _kinds(rehearsal)
        if replayed
    ]
    return card(
        say(locale, "rehearsal.title"),
        say(locale, "rehearsal.intro", unchanged=rehearsal.unchanged),
        f"{say(locale, 'reindex.changed', count=len(changed))}\n{listed(changed, more, MOST)}",
        "\n".join(counts),
        rule(),
        row(
            RehearsalButton.build(locale, "promote", name),
            RehearsalButton.build(locale, "discard", name),
            RehearsalButton.build(locale, "show", name),
        ),
        small(say(locale, "rehearsal.remark")),
        colour=DOUBTFUL,
    )


def details_panel(locale: object, rehearsal: Rehearsal) -> ui.LayoutView:
    """The questions, with their answers before and after."""
    groups = [
        part for kind, replayed in _kinds(rehearsal) for part in _group(locale, kind, replayed)
    ]
    return card(*groups, colour=DOUBTFUL)


def _kinds(rehearsal: Rehearsal) -> tuple[tuple[str, Sequence[Replayed]], ...]:
    return (
        ("lost", rehearsal.lost),
        ("different", rehearsal.different),
        ("better", rehearsal.better),
    )


def _group(locale: object, kind: str, replayed: Sequence[Replayed]) -> list[str]:
    if not replayed:
        return []
    lines = [
        f"{'⭐ ' if each.golden else ''}{fit(each.question, ANSWER_CHARS)}\n"
        f"  {_said(locale, each.before)} → {_said(locale, each.after)}"
        for each in replayed
    ]
    more = say(locale, "list.more", count=max(0, len(lines) - MOST))
    return [f"{say(locale, f'rehearsal.{kind}', count=len(lines))}\n{listed(lines, more, MOST)}"]


def _said(locale: object, answer: str | None) -> str:
    return say(locale, "rehearsal.declined") if answer is None else fit(answer, ANSWER_CHARS)


class RehearsalButton(
    LastingItem[ui.Button[Any]],
    template=r"rehearsal:(?P<do>promote|discard|show):(?P<name>[0-9a-f]{16})",
):
    """Publishes what was rehearsed, throws it away, or shows what it would change."""

    @classmethod
    def build(cls, locale: object, do: str, name: str) -> Self:
        style = ButtonStyle.green if do == "promote" else ButtonStyle.grey
        label = say(locale, f"rehearsal.{do}")
        return cls(ui.Button(label=label, custom_id=f"rehearsal:{do}:{name}", style=style))

    async def press(self, interaction: Press) -> None:
        match = self.template.fullmatch(self.custom_id)
        assert match is not None
        bot = interaction.client
        held = cast("Holds", bot.get_cog("Reindex")).held
        rehearsal = held.get(match["name"])
        if not await _may(interaction, rehearsal.scope):
            raise NotAllowed("error.reindex.not_manager")
        if match["do"] == "show":
            await delivery.defer(interaction, private=True)
            await delivery.respond(interaction, details_panel(interaction.locale, rehearsal))
            return
        await delivery.defer(interaction, thinking=False)
        if match["do"] == "discard":
            held.drop(rehearsal)
            panel = card(say(interaction.locale, "rehearsal.discarded"), colour=CALM)
        else:
            panel = await self._promoted(interaction, held, rehearsal, match["name"])
        await delivery.respond(interaction, panel)

    @staticmethod
    async def _promoted(
        interaction: Press, held: Held, rehearsal: Rehearsal, name: str
    ) -> ui.LayoutView:
        bot = interaction.client
        try:
            report = await bot.workshop.run(
                interaction,
                rehearsal.scope,
                lambda told: bot.engine.promote(rehearsal, progress=told),
            )
        except RehearsalOutdated:
            held.drop(rehearsal)
            raise
        except Exception:
            # It can be tried again: the progress gives way to the buttons.
            await delivery.respond(
                interaction, rehearsal_panel(interaction.locale, rehearsal, name)
            )
            raise
        held.drop(rehearsal)
        shared = rehearsal.scope == Scope.shared()
        return report_panel(interaction.locale, report, shared=shared)


async def _may(interaction: Press, scope: Scope) -> bool:
    """Whether the presser may re-index ``scope``, judged as when it was rehearsed."""
    bot, guild_id = interaction.client, interaction.guild_id
    manages = guild_id is not None and interaction.permissions.manage_guild
    if scope != Scope.shared():
        return manages and scope == Scope.guild(guild_id or 0)
    is_only = manages and [guild.id for guild in bot.guilds] == [guild_id]
    return is_only or await bot.is_owner(interaction.user)
