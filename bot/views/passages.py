"""More of the article than the answer shows: the nearest passages, and the paragraph around."""

from __future__ import annotations

from discord import ui

from bot import delivery, render
from bot.card import notice
from bot.i18n import say
from bot.pressing import Press
from bot.views.press import RECORD, AnswerButton, recalled, row
from index import ArticleNotFound, Record

PAGE = r"(?P<page>\d{1,3})"


class More(AnswerButton, template=rf"ab:more:{RECORD}:{PAGE}"):
    """Opens the nearest passages, page by page."""

    def __init__(
        self,
        record_id: str,
        page: str | int = 0,
        *,
        locale: object = None,
        nearest: bool = False,
    ) -> None:
        label = say(locale, "button.nearest" if nearest else "button.more")
        super().__init__(f"ab:more:{record_id}:{page}", label, emoji="🔎")
        self.record_id, self.page = record_id, int(page)

    async def press(self, interaction: Press) -> None:
        await delivery.defer(interaction, private=True)
        await _show_page(interaction, self.record_id, self.page)


class Paging(AnswerButton, template=rf"ab:page:{RECORD}:{PAGE}"):
    """Turns the page of the message it stands in, which its presser alone sees."""

    def __init__(
        self, record_id: str, page: str | int, *, label: str = "…", disabled: bool = False
    ) -> None:
        super().__init__(f"ab:page:{record_id}:{page}", label, disabled=disabled)
        self.record_id, self.page = record_id, int(page)

    async def press(self, interaction: Press) -> None:
        await delivery.defer(interaction, thinking=False)
        await _show_page(interaction, self.record_id, self.page)


async def _show_page(interaction: Press, record_id: str, page: int) -> None:
    record = await recalled(interaction, record_id)
    if record is not None:
        await delivery.respond(interaction, _page(record, page, interaction.locale))


def _page(record: Record, page: int, locale: object) -> ui.LayoutView:
    last = render.pages(record) - 1
    page = min(page, last)
    before, after = say(locale, "button.previous"), say(locale, "button.next")
    turning = row(
        Paging(record.id, max(page - 1, 0), label=f"\u2039 {before}", disabled=page == 0),
        Paging(record.id, page + 1, label=f"{after} \u203a", disabled=page == last),
    )
    return render.passages_view(record, page, locale=locale, buttons=[turning] if last else [])


class Context(AnswerButton, template=rf"ab:context:{RECORD}"):
    """Shows the paragraph around the quote."""

    def __init__(self, record_id: str, *, locale: object = None) -> None:
        super().__init__(f"ab:context:{record_id}", say(locale, "button.context"), emoji="📖")
        self.record_id = record_id

    async def press(self, interaction: Press) -> None:
        await delivery.defer(interaction, private=True)
        record = await recalled(interaction, self.record_id)
        if record is not None:
            await delivery.respond(interaction, await _around(interaction, record))


async def _around(interaction: Press, record: Record) -> ui.LayoutView:
    bot, locale = interaction.client, interaction.locale
    quote = record.answer.quote
    assert quote is not None  # only an answer with quotes has the button
    try:
        paragraph = await bot.lookups.run(lambda _: bot.engine.paragraph(quote))
    except ArticleNotFound:
        return notice(say(locale, "context.gone"))
    return render.context_view(record.answer, paragraph, locale=locale)
