"""`/settings`: one message of menus, each saved as soon as it is chosen.

What a menu sets stands in its ``custom_id``, so that it works after a restart; whether the
person may set it is asked at every press.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Self

import discord
from discord import ChannelType, SelectDefaultValue, SelectDefaultValueType, SelectOption, ui

from bot import delivery
from bot.card import FRIENDLY, card, notice, row, rule, small
from bot.careful import Level, exact, level_of, threshold_of
from bot.certainty import percent
from bot.errors import BadNumber
from bot.i18n import say
from bot.markdown import fit
from bot.pressing import LastingItem, Press, managed_scope, pressed
from index import Preferences, Scope

MOST_CHOSEN = 25
MOST_QUESTIONS = 10
QUESTION_CHARS = 250
TEXT_CHANNELS = [ChannelType.text, ChannelType.news, ChannelType.forum]
KEEP = ("off", "unanswered", "all")
FOR_ALL, FOR_ASKER = "public", "private"


@dataclass(frozen=True, slots=True)
class Setup:
    """How a server is set up, and what the bot needs to show it. ``present`` are the ids of
    its channels and roles: what was deleted since is not shown.
    """

    preferences: Preferences
    operator_threshold: float
    reads_messages: bool
    present: Collection[int]


def settings_panel(locale: object, setup: Setup) -> ui.LayoutView:
    chosen = setup.preferences
    threshold = chosen.threshold
    needed = setup.operator_threshold if threshold is None else threshold
    unread = "" if setup.reads_messages else f"\n{small(say(locale, 'settings.watched.off'))}"
    return card(
        say(locale, "settings.title"),
        say(locale, "settings.channels"),
        row(ChannelsMenu.build(locale, "channels", _known(chosen.channels, setup))),
        say(locale, "settings.roles"),
        row(RolesMenu.build(locale, _known(chosen.roles, setup))),
        say(locale, "settings.private"),
        row(ChoiceMenu.build("private", _private_options(locale, private=chosen.private))),
        say(locale, "settings.threshold", percent=percent(needed)),
        row(ChoiceMenu.build("threshold", _level_options(locale, setup))),
        say(locale, "settings.watched") + unread,
        row(ChannelsMenu.build(locale, "watched", _known(chosen.watched, setup))),
        say(locale, "settings.keep"),
        row(ChoiceMenu.build("keep", _keep_options(locale, chosen.keep_questions))),
        rule(),
        row(SettingsButton.build(locale, "exact"), SettingsButton.build(locale, "unanswered")),
        colour=FRIENDLY,
    )


def _known(ids: Collection[int], setup: Setup) -> list[int]:
    return [each for each in ids if each in setup.present][:MOST_CHOSEN]


def _private_options(locale: object, *, private: bool) -> list[SelectOption]:
    return [
        SelectOption(
            label=say(locale, f"settings.private.{value}"),
            value=value,
            default=private == (value == FOR_ASKER),
        )
        for value in (FOR_ALL, FOR_ASKER)
    ]


def _level_options(locale: object, setup: Setup) -> list[SelectOption]:
    operators, own = setup.operator_threshold, setup.preferences.threshold
    now = level_of(own, operators)
    options = [
        SelectOption(
            label=say(locale, f"settings.level.{level}"),
            description=say(
                locale,
                "settings.level.from",
                percent=percent(operators if limit is None else limit),
            ),
            value=level.value,
            default=level is now,
        )
        for level in Level
        for limit in [threshold_of(level, operators)]
    ]
    if now is None and own is not None:
        label = say(locale, "settings.level.exact", percent=percent(own))
        options.append(SelectOption(label=label, value="exact", default=True))
    return options


def _keep_options(locale: object, now: str) -> list[SelectOption]:
    return [
        SelectOption(label=say(locale, f"settings.keep.{value}"), value=value, default=value == now)
        for value in KEEP
    ]


def unanswered_panel(locale: object, questions: list[str]) -> ui.LayoutView:
    """The latest questions that the articles did not answer, for managers alone."""
    if not questions:
        return notice(say(locale, "unanswered.none"), colour=FRIENDLY)
    return card(
        say(locale, "unanswered.title"),
        "\n".join(f"- {fit(question, QUESTION_CHARS)}" for question in questions),
        small(say(locale, "unanswered.remark")),
        colour=FRIENDLY,
    )


def setup_of(interaction: Press, preferences: Preferences) -> Setup:
    bot, guild = interaction.client, interaction.guild
    present = {each.id for each in (*guild.channels, *guild.roles)} if guild else set()
    return Setup(
        preferences=preferences,
        operator_threshold=bot.options.threshold,
        reads_messages=bot.intents.message_content,
        present=present,
    )


async def save(interaction: Press, scope: Scope, **changes: object) -> None:
    """Keep the changes, and show how it is set up now."""
    await delivery.defer(interaction, private=True, thinking=False)
    bot = interaction.client
    preferences = await bot.lookups.run(lambda _: bot.engine.journal.prefer(scope, **changes))
    bot.known.forget(scope)
    panel = settings_panel(interaction.locale, setup_of(interaction, preferences))
    await delivery.respond(interaction, panel)


class ChannelsMenu(LastingItem[ui.ChannelSelect[Any]], template=r"settings:(channels|watched)"):
    """Where the bot answers at all, or listens without a mention."""

    @classmethod
    def build(cls, locale: object, name: str, chosen: list[int]) -> Self:
        kind = SelectDefaultValueType.channel
        return cls(
            ui.ChannelSelect(
                custom_id=f"settings:{name}",
                channel_types=TEXT_CHANNELS,
                placeholder=say(locale, f"settings.{name}.none"),
                min_values=0,
                max_values=MOST_CHOSEN,
                default_values=[SelectDefaultValue(id=each, type=kind) for each in chosen],
            )
        )

    async def press(self, interaction: Press) -> None:
        chosen = tuple(channel.id for channel in self.item.values)
        await save(interaction, managed_scope(interaction), **{self.named: chosen})


class RolesMenu(LastingItem[ui.RoleSelect[Any]], template=r"settings:roles"):
    """Who may ask."""

    @classmethod
    def build(cls, locale: object, chosen: list[int]) -> Self:
        kind = SelectDefaultValueType.role
        return cls(
            ui.RoleSelect(
                custom_id="settings:roles",
                placeholder=say(locale, "settings.roles.none"),
                min_values=0,
                max_values=MOST_CHOSEN,
                default_values=[SelectDefaultValue(id=each, type=kind) for each in chosen],
            )
        )

    async def press(self, interaction: Press) -> None:
        chosen = tuple(role.id for role in self.item.values)
        await save(interaction, managed_scope(interaction), roles=chosen)


class ChoiceMenu(LastingItem[ui.Select[Any]], template=r"settings:(private|threshold|keep)"):
    """One choice out of a few."""

    @classmethod
    def build(cls, name: str, options: list[SelectOption]) -> Self:
        return cls(ui.Select(custom_id=f"settings:{name}", options=options))

    async def press(self, interaction: Press) -> None:
        scope = managed_scope(interaction)
        (value,) = self.item.values
        operators = interaction.client.options.threshold
        match self.named:
            case "private":
                await save(interaction, scope, private=value == FOR_ASKER)
            case "keep" if value in KEEP:
                await save(interaction, scope, keep_questions=value)
            case "threshold" if value in set(Level):
                await save(interaction, scope, threshold=threshold_of(Level(value), operators))
            case _:
                await save(interaction, scope)  # the exact value: it stays as it is


class SettingsButton(LastingItem[ui.Button[Any]], template=r"settings:(exact|unanswered)"):
    """What needs more than a menu: a number, and a list to read."""

    @classmethod
    def build(cls, locale: object, name: str) -> Self:
        label = say(locale, f"settings.button.{name}")
        return cls(ui.Button(custom_id=f"settings:{name}", label=label))

    async def press(self, interaction: Press) -> None:
        scope = managed_scope(interaction)
        if self.named == "exact":
            await interaction.response.send_modal(ExactThreshold(interaction.locale))
        else:
            await self._list_unanswered(interaction, scope)

    async def _list_unanswered(self, interaction: Press, scope: Scope) -> None:
        await delivery.defer(interaction, private=True)
        journal = interaction.client.engine.journal
        questions = await interaction.client.lookups.run(
            lambda _: journal.unanswered(scope, MOST_QUESTIONS)
        )
        await delivery.respond(interaction, unanswered_panel(interaction.locale, questions))


MENUS = (ChannelsMenu, RolesMenu, ChoiceMenu, SettingsButton)


class ExactThreshold(ui.Modal):
    """Asks for the percentage below which the bot declines."""

    def __init__(self, locale: object) -> None:
        super().__init__(title=say(locale, "settings.exact.title"))
        self.number: ui.TextInput[Any] = ui.TextInput(
            custom_id="percent", max_length=6, placeholder="25"
        )
        self.add_item(
            ui.Label(
                text=say(locale, "settings.exact.label"),
                description=say(locale, "settings.exact.description"),
                component=self.number,
            )
        )

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        await pressed(interaction, self._save)

    async def _save(self, interaction: Press) -> None:
        scope = managed_scope(interaction)
        threshold = exact(self.number.value)
        if threshold is None:
            raise BadNumber("error.percent")
        await save(interaction, scope, threshold=threshold)
