"""`/golden`: the questions whose answers are known, and how they fare."""

from __future__ import annotations

from collections.abc import Sequence

from discord import ui

from bot import delivery
from bot.card import DOUBTFUL, FRIENDLY, GOOD, card, listed, small, turning
from bot.i18n import say
from bot.markdown import fit
from bot.pressing import LastingItem, Press, managed_scope
from index import Examined, Golden

PAGE = 10
QUESTION_CHARS = 120
WORDS_CHARS = 100
MOST_FAILED = 8


def added_panel(locale: object, examined: Examined) -> ui.LayoutView:
    """A question that was added, and whether today's answer is what it must be."""
    golden, passes = examined.golden, examined.passes
    now = "passes" if passes else "fails"
    return card(
        say(locale, "golden.added"),
        f"{fit(golden.question, QUESTION_CHARS)}\n  → {_expected(locale, golden)}",
        say(locale, f"golden.added.{now}", said=_said(locale, examined.said)),
        small(say(locale, "golden.added.remark")),
        colour=GOOD if passes else DOUBTFUL,
    )


def list_panel(locale: object, golden: Sequence[Golden], page: int = 0) -> ui.LayoutView:
    """A page of the questions, with what each must be answered with."""
    if not golden:
        return card(say(locale, "golden.empty"), colour=FRIENDLY)
    pages = -(-len(golden) // PAGE)
    page = min(max(page, 0), pages - 1)
    shown = golden[page * PAGE : (page + 1) * PAGE]
    return card(
        say(locale, "golden.list", count=len(golden)),
        "\n".join(
            f"**{each.id}** · {fit(each.question, QUESTION_CHARS)}\n-# {_expected(locale, each)}"
            for each in shown
        ),
        *([turning(locale, "golden", page, pages)] if pages > 1 else []),
        colour=FRIENDLY,
    )


def checked_panel(locale: object, examined: Sequence[Examined]) -> ui.LayoutView:
    """How many are answered as they must be, and what the others are answered with."""
    if not examined:
        return card(say(locale, "golden.empty"), colour=FRIENDLY)
    failed = [
        f"**{each.golden.id}** · {fit(each.golden.question, QUESTION_CHARS)}\n"
        f"  {_expected(locale, each.golden)} → {_said(locale, each.said)}"
        for each in examined
        if not each.passes
    ]
    passed = len(examined) - len(failed)
    more = say(locale, "list.more", count=max(0, len(failed) - MOST_FAILED))
    return card(
        say(locale, "golden.checked", passed=passed, count=len(examined)),
        *([listed(failed, more, MOST_FAILED)] if failed else []),
        colour=DOUBTFUL if failed else GOOD,
    )


def _expected(locale: object, golden: Golden) -> str:
    if golden.expected is None:
        return say(locale, "golden.silent")
    return say(locale, "golden.holds", words=fit(golden.expected, WORDS_CHARS))


def _said(locale: object, said: str | None) -> str:
    return say(locale, "rehearsal.declined") if said is None else fit(said, WORDS_CHARS)


class GoldenPageButton(LastingItem[ui.Button[ui.LayoutView]], template=r"golden:-?\d{1,6}"):
    """Turns to the page that its ``custom_id`` names."""

    async def press(self, interaction: Press) -> None:
        scope = managed_scope(interaction)
        await delivery.defer(interaction, private=True, thinking=False)
        bot = interaction.client
        golden = await bot.lookups.run(lambda _: bot.engine.golden.all(scope))
        await delivery.respond(interaction, list_panel(interaction.locale, golden, int(self.named)))
