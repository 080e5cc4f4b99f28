"""Values of the engine -> messages of Discord, inside every limit of Discord's.

The limits: 4,000 characters of text and 40 components in one message. Every text that
comes from an article or a person passes through `bot.markdown`.
"""

from __future__ import annotations

from discord import Colour, ui

from bot.certainty import percent, words
from bot.markdown import fit, marked, plain, size, visible
from index import Answer, Kind, Quote, ReindexReport

HEADING_CHARS = 120
ANSWER_CHARS = 1_200
QUOTES_CHARS = 1_800
QUESTION_CHARS = 250
TITLE_CHARS = 120
NOTICE_CHARS = 1_500
MOST_QUOTES = 8
MOST_NAMES = 8
BAR_CELLS = 12

CALM = Colour(0x8A8F98)
WARNING = Colour(0xD9822B)


COLOURS = {
    "very sure": Colour(0x2E9E5B),
    "sure": Colour(0x3B82C4),
    "fairly sure": Colour(0xD9A21B),
    "not sure": CALM,
}
GOOD = COLOURS["very sure"]
FRIENDLY = COLOURS["sure"]


def card(
    *parts: str | ui.Item[ui.LayoutView], colour: Colour = CALM, asked: str | None = None
) -> ui.LayoutView:
    """One container: an optional line with the question, then the parts from top to bottom."""
    items: list[ui.Item[ui.LayoutView]] = [
        ui.TextDisplay(part) if isinstance(part, str) else part for part in parts
    ]
    if asked is not None and visible(asked):
        items.insert(0, ui.TextDisplay(f"-# {fit(asked, QUESTION_CHARS)}"))
    view: ui.LayoutView = ui.LayoutView(timeout=None)
    view.add_item(ui.Container(*items, accent_colour=colour))
    return view


def rule() -> ui.Separator[ui.LayoutView]:
    return ui.Separator()


def notice(text: str, *, colour: Colour = WARNING, asked: str | None = None) -> ui.LayoutView:
    """A sentence or two of the bot's own, in plain words."""
    return card(fit(text, NOTICE_CHARS), colour=colour, asked=asked)


def answer_view(answer: Answer, *, asked: str | None = None) -> ui.LayoutView:
    """The message for an answer of any kind. ``asked`` repeats the question above it,
    for places where the reader cannot see it.
    """
    if answer.kind is Kind.CHAT:
        return help_view(_nearest_title(answer), asked=asked)
    if answer.text is None or not answer.quotes:
        return not_said_view(answer, asked=asked)
    return card(
        *_short_answer(answer),
        *_quotes(answer),
        rule(),
        f"-# {_place(answer.quotes[0])} · {_sureness(answer)}",
        colour=COLOURS[words(answer.confidence)],
        asked=asked,
    )


def _sureness(answer: Answer) -> str:
    return f"{words(answer.confidence)} ({percent(answer.confidence)})"


def _short_answer(answer: Answer) -> list[str]:
    """The answer on its own, unless the quotes below already say just that."""
    text = visible(answer.text or "")
    if text == visible(" ".join(quote.text for quote in answer.quotes)):
        return []
    if size(text) <= HEADING_CHARS:
        return [f"### {plain(text)}"]
    return [fit(text, ANSWER_CHARS)]


def _quotes(answer: Answer) -> list[str]:
    shown = answer.quotes[:MOST_QUOTES]
    budget = QUOTES_CHARS // len(shown)
    first = f"> {_first_quote(answer, budget)}"
    return [first, *(f"> {fit(quote.text, budget)}" for quote in shown[1:])]


def _first_quote(answer: Answer, budget: int) -> str:
    quote = answer.quotes[0]
    start, end = _span_in(quote, answer)
    if (start, end) == (0, len(quote.text)):
        return fit(quote.text, budget)
    return marked(quote.text, start, end, budget)


def _span_in(quote: Quote, answer: Answer) -> tuple[int, int]:
    """The answer's place within the quote; the whole quote where it has none inside."""
    if answer.start is None or answer.end is None:
        return 0, len(quote.text)
    if not quote.start <= answer.start < answer.end <= quote.end:
        return 0, len(quote.text)
    return answer.start - quote.start, answer.end - quote.start


def _place(quote: Quote) -> str:
    title = fit(quote.article, TITLE_CHARS)
    return f"**{title}** · paragraph {quote.paragraph} of {quote.paragraphs}"


def _nearest_title(answer: Answer) -> str | None:
    return answer.passages[0].passage.article if answer.passages else None


def not_said_view(answer: Answer, *, asked: str | None = None) -> ui.LayoutView:
    titles = {hit.passage.article for hit in answer.passages}
    subject = "The articles do" if len(titles) > 1 else "The article does"
    where = f"**{fit(titles.pop(), TITLE_CHARS)}**" if len(titles) == 1 else "what I have read"
    return card(
        f"### {subject} not say",
        f"Nothing in {where} answers this well enough to quote.",
        f"-# {_sureness(answer)}; I answer from {percent(answer.threshold)} on",
        asked=asked,
    )


def help_view(title: str | None = None, *, asked: str | None = None) -> ui.LayoutView:
    """What the bot does and how to ask it; for greetings, orders and empty mentions."""
    subject = f"**{fit(title, TITLE_CHARS)}**" if title else "my article"
    return card(
        f"### Ask me about {subject}",
        "I answer with the article's own words and say where they stand."
        " When the article does not say, I tell you so.",
        "-# Use `/ask`, or mention me together with your question.",
        colour=FRIENDLY,
        asked=asked,
    )


def progress_view(stage: str, done: int, total: int) -> ui.LayoutView:
    """How far a re-index has come: stage, bar, counts."""
    share = min(1.0, done / total) if total > 0 else 0.0
    filled = int(share * BAR_CELLS)
    counts = f"{done:,} of {total:,}" if total > 0 else ""
    return card(
        f"### Re-indexing: {fit(stage, 60)}",
        f"`{'▰' * filled}{'▱' * (BAR_CELLS - filled)}` {counts}".rstrip(),
        "-# Keep asking: answers come from the present index until the new one is ready.",
        colour=FRIENDLY,
    )


def report_view(report: ReindexReport, *, shared: bool) -> ui.LayoutView:
    """What a re-index did. ``shared`` says that it was the article every server reads."""
    subject = "the shared articles" if shared else "this server's articles"
    lines = [
        _counts(report),
        *_names("Added", report.added),
        *_names("Changed", report.changed),
        *_names("Removed", report.removed),
        *_names("Failed", [f"{name}: {reason}" for name, reason in report.failed]),
    ]
    return card(
        f"### Re-indexed {subject}",
        "\n".join(lines),
        rule(),
        f"-# {report.seconds:.1f} s · generation {fit(report.generation, 60)}",
        colour=WARNING if report.failed else GOOD,
    )


def _counts(report: ReindexReport) -> str:
    held = f"{_count(report.articles, 'article')}, {_count(report.passages, 'passage')}"
    return f"{held} · {report.embedded:,} embedded, {report.reused:,} reused"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _names(label: str, names: tuple[str, ...] | list[str]) -> list[str]:
    if not names:
        return []
    shown = "; ".join(fit(name, 80) for name in names[:MOST_NAMES])
    more = f"; and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return [f"**{label}** ({len(names)}): {shown}{more}"]
