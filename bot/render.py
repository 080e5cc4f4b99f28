"""Values of the engine -> messages of Discord, inside every limit of Discord's.

The limits: 4,000 characters of text and 40 components in one message. Every text that
comes from an article or a person passes through `bot.markdown`.
"""

from __future__ import annotations

from collections.abc import Sequence

from discord import Colour, ui

from bot.certainty import percent, words
from bot.markdown import fit, marked, plain, size, visible
from index import Answer, Kind, Quote, ReindexReport

HEADING_CHARS = 80
ANSWER_CHARS = 1_200
QUOTES_CHARS = 1_200
EVIDENCE_CHARS = 400
"""A sentence around its answer may be shorter than one that is the answer."""
QUESTION_CHARS = 120
TITLE_CHARS = 100
NAME_CHARS = 80
REASON_CHARS = 200
NOTICE_CHARS = 1_500
MOST_QUOTES = 8
MOST_NAMES = 5
BAR_CELLS = 12
NO_BREAK = "\u00a0"

CALM = Colour(0x8A8F98)
WARNING = Colour(0xD2573B)

STEPS = {
    "reading": "reading the articles",
    "chunking": "finding the sentences",
    "embedding": "embedding new text",
    "publishing": "switching over",
}
"""What the engine's stages are to people, in their order."""

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
        return help_view(*_titles(answer), asked=asked)
    if answer.text is None or not answer.quotes:
        return not_said_view(answer, asked=asked)
    unsure = words(answer.confidence) == "not sure"
    return card(
        *(["-# I am not sure, but this may be it:"] if unsure else []),
        *_short_answer(answer),
        *_quotes(answer),
        rule(),
        _small(_titled(answer.quotes), _facts(*_place(answer.quotes), _sureness(answer))),
        colour=COLOURS[words(answer.confidence)],
        asked=asked,
    )


def _short_answer(answer: Answer) -> list[str]:
    """The answer on its own, unless the quotes say it as well without it."""
    text = visible(answer.text or "")
    if text == visible(" ".join(quote.text for quote in answer.quotes)):
        return []
    if size(text) <= HEADING_CHARS:
        return [f"## {plain(text)}"]
    return [] if _is_inside(answer) else [fit(text, ANSWER_CHARS)]


def _quotes(answer: Answer) -> list[str]:
    """Each quote; of several, each with its place, unless they share one."""
    shown = answer.quotes[:MOST_QUOTES]
    budget = QUOTES_CHARS // len(shown)
    lines = [_first_quote(answer, budget), *(fit(quote.text, budget) for quote in shown[1:])]
    if _place(answer.quotes):
        return [f"> {line}" for line in lines]
    title_each = not _titled(answer.quotes)
    return [
        f"> {line}\n{_small(_titled([quote]) if title_each else '', _facts(*_place([quote])))}"
        for line, quote in zip(lines, shown, strict=True)
    ]


def _first_quote(answer: Answer, budget: int) -> str:
    quote = answer.quotes[0]
    if not _is_inside(answer):
        return fit(quote.text, budget)
    assert answer.start is not None
    assert answer.end is not None
    start, end = answer.start - quote.start, answer.end - quote.start
    return marked(quote.text, start, end, min(budget, EVIDENCE_CHARS))


def _is_inside(answer: Answer) -> bool:
    """Whether the answer is a part of the first quote, and not all of it."""
    quote = answer.quotes[0]
    if answer.start is None or answer.end is None:
        return False
    within = quote.start <= answer.start < answer.end <= quote.end
    return within and (answer.start, answer.end) != (quote.start, quote.end)


def _titled(quotes: Sequence[Quote]) -> str:
    """The title that all quotes share; nothing otherwise, as each then has its own."""
    if len({(quote.scope, quote.article_id) for quote in quotes}) > 1:
        return ""
    return fit(quotes[0].article, TITLE_CHARS)


def _place(quotes: Sequence[Quote]) -> list[str]:
    """The paragraph that all quotes share; none where they share none."""
    if len({(quote.scope, quote.article_id, quote.paragraph) for quote in quotes}) > 1:
        return []
    return [f"paragraph {quotes[0].paragraph:,} of {quotes[0].paragraphs:,}"]


def _sureness(answer: Answer) -> str:
    return f"{words(answer.confidence)} ({percent(answer.confidence)})"


def _facts(*facts: str) -> str:
    """Facts on a line that breaks between them alone, however narrow the screen."""
    line = " · ".join(fact.replace(" ", NO_BREAK) for fact in facts)
    return line[:1].upper() + line[1:]


def _small(*lines: str) -> str:
    return "\n".join(f"-# {line}" for line in lines if line)


def _titles(answer: Answer) -> list[str]:
    """The articles that the nearest passages are from."""
    return list(dict.fromkeys(hit.passage.article for hit in answer.passages))


def not_said_view(answer: Answer, *, asked: str | None = None) -> ui.LayoutView:
    titles = _titles(answer)
    subject = "The articles do" if len(titles) > 1 else "The article does"
    return card(
        f"## {subject} not say",
        "I found nothing there that answers this well enough to quote. Other words may help.",
        rule(),
        _small(
            fit(titles[0], TITLE_CHARS) if len(titles) == 1 else "",
            _facts(
                f"best match: {percent(answer.confidence)} sure",
                f"{percent(answer.threshold)} needed",
            ),
        ),
        asked=asked,
    )


def help_view(*titles: str, asked: str | None = None) -> ui.LayoutView:
    """What the bot does and how to ask it; for greetings, orders and empty mentions."""
    if len(titles) == 1:
        title = fit(titles[0], TITLE_CHARS)
        promise = f"I answer from **{title}**, in its own words. When it does not say, I tell you."
    else:
        promise = "I answer from my articles, in their words. When they do not say, I tell you."
    return card(
        "## Ask me a question",
        promise,
        "-# Use `/ask`, or mention me with your question.",
        colour=FRIENDLY,
        asked=asked,
    )


def progress_view(stage: str, done: int, total: int) -> ui.LayoutView:
    """How far a re-index has come: the step, and a bar where it has parts to count."""
    return card(
        "## Re-indexing",
        "\n".join([_step(stage), *_bar(done, total)]),
        "-# Keep asking: I answer from the old index until the new one is ready.",
        colour=FRIENDLY,
    )


def _step(stage: str) -> str:
    if stage not in STEPS:
        return f"{fit(stage, NAME_CHARS).capitalize()} …"  # such as waiting for its turn
    return f"Step {list(STEPS).index(stage) + 1} of {len(STEPS)}: {STEPS[stage]}"


def _bar(done: int, total: int) -> list[str]:
    if total < 2:
        return []
    filled = min(BAR_CELLS, done * BAR_CELLS // total)
    counts = f"{done:,} of {total:,}".replace(" ", NO_BREAK)
    return [f"`{'█' * filled}{'░' * (BAR_CELLS - filled)}` {counts}"]


def report_view(report: ReindexReport, *, shared: bool) -> ui.LayoutView:
    """What a re-index did. ``shared`` says that it was the article every server reads."""
    subject = "the shared articles" if shared else "this server's articles"
    changes = (*report.added, *report.changed, *report.removed, *report.failed)
    unchanged = "" if changes else "; nothing had changed"
    failed = [
        f"{fit(name, NAME_CHARS)}: {fit(reason, REASON_CHARS)}" for name, reason in report.failed
    ]
    return card(
        f"## Re-indexed {subject}",
        f"{_count(report.articles, 'article')}, {_count(report.passages, 'passage')}{unchanged}.",
        *_listed("Could not be read", failed, "; old text stays"),
        *_listed("Added", [fit(name, NAME_CHARS) for name in report.added]),
        *_listed("Changed", [fit(name, NAME_CHARS) for name in report.changed]),
        *_listed("Removed", [fit(name, NAME_CHARS) for name in report.removed]),
        rule(),
        _small(
            _facts(
                f"{report.embedded:,} embedded",
                f"{report.reused:,} reused",
                _duration(report.seconds),
            ),
            f"Generation {fit(report.generation, 60)}",
        ),
        colour=WARNING if report.failed else GOOD,
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _listed(label: str, lines: Sequence[str], remark: str = "") -> list[str]:
    """A list under its label; the first lines, and how many more there are."""
    if not lines:
        return []
    more = len(lines) - MOST_NAMES
    shown = [f"- {line}" for line in lines[:MOST_NAMES]]
    rest = [f"- and {more:,} more"] if more > 0 else []
    return ["\n".join([f"**{label}** ({len(lines):,}){remark}", *shown, *rest])]


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if hours else f"{minutes} min {rest} s"
