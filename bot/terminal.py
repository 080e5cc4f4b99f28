"""What a person sees in a terminal: answers, passages, progress, errors.

Text from articles, questions and other people's files passes through `harmless`, so that
nothing in it can move the cursor or recolour the screen. Results go to standard output,
everything else to standard error.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn, TextIO

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
)
from rich.progress_bar import ProgressBar
from rich.text import Text

from bot.certainty import percent, words
from bot.contract import as_line
from index import About, Answer, Fact, Hit, Kind, Quote

NOT_SAID = "The article does not say."
UNKNOWN = {
    Fact.AUTHOR: "The article does not name its author.",
    Fact.PUBLISHED: "The article does not say when it was published.",
}
SOURCES = {"": "the article that comes with this program", "upload:": "an uploaded text"}
NOT_A_QUESTION = "That is nothing an article could answer. Ask a question about it."

# A pipe has no width to fit: rich must not fold lines that a program will read.
_ENDLESS = 10_000_000

Stage = Callable[[str, int, int], None]

_SPACES = "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029"
_TURNING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_REPLACED = {
    code: "\ufffd"
    for code in range(0x11000)
    if unicodedata.category(chr(code)) in {"Cc", "Cs"} or chr(code) in _TURNING
} | {ord(space): " " for space in _SPACES}


def harmless(text: str) -> str:
    """The text without what steers a terminal: one character for each, so offsets stay.

    Line breaks and tabs become spaces; control characters, lone surrogates and marks that
    turn the direction of writing become U+FFFD.
    """
    return text.translate(_REPLACED)


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        """Left to the one place that ends the program; rich would exit with 1."""
        raise BrokenPipeError


class _BarColumn(BarColumn):
    def render(self, task: Task) -> ProgressBar | Text:  # type: ignore[override] # or nothing
        return Text("") if task.total is None else super().render(task)


class _CountColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        if task.total is None:
            return Text(f"{task.completed:,.0f}" if task.completed else "")
        return Text(f"{task.completed:,.0f}/{task.total:,.0f}")


class Screen:
    """Standard output for results, standard error for everything about them."""

    def __init__(self, out: Console, err: Console) -> None:
        self.out = out
        self.err = err

    @classmethod
    def standard(cls) -> Screen:
        return cls(_console(sys.stdout), _console(sys.stderr))

    @property
    def styled(self) -> bool:
        """Whether bold and underline reach the reader at all."""
        return self.out.color_system is not None

    def show(self, content: RenderableType) -> None:
        self.out.print(content)
        self.out.file.flush()

    def line(self, content: Mapping[str, Any]) -> None:
        """One JSON object on one line; never folded or styled."""
        self.out.file.write(as_line(content) + "\n")
        self.out.file.flush()

    def note(self, text: str, style: str = "dim") -> None:
        for line in text.splitlines():
            self.err.print(Text(harmless(line), style=style))

    def error(self, text: str) -> None:
        first, *rest = text.splitlines() or [""]
        self.err.print(Text.assemble(("Error: ", "bold red"), harmless(first)))
        for line in rest:
            self.err.print(Text(harmless(line)))

    @contextmanager
    def working(self, label: str) -> Iterator[Stage]:
        """A bar on standard error that vanishes when done; nothing where nobody looks.

        Gives the callback that moves it: stage, done, total (0: unknown).
        """
        if not self.err.is_terminal:
            yield lambda _stage, _done, _total: None
            return
        bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            _BarColumn(bar_width=24),
            _CountColumn(),
            console=self.err,
            transient=True,
        )
        with bar:
            task = bar.add_task(harmless(label), total=None)

            def move(stage: str, done: int, total: int) -> None:
                text = harmless(f"{label}: {stage}")
                bar.update(task, description=text, completed=done, total=total or None)

            yield move


def answer_text(answer: Answer, *, styled: bool, passages: bool, hint: str) -> Text:
    """An answer as a person reads it: the answer, its sentence, its place, how sure.

    ``passages`` adds the nearest ones; otherwise ``hint`` says how to see them.
    """
    if answer.kind is Kind.CHAT:
        return Text(NOT_A_QUESTION, style="bold")
    if answer.kind is Kind.ABOUT:
        view = _about(answer)
    elif answer.kind is Kind.SUMMARY:
        view = _summary(answer)
    elif answer.quotes and answer.answered:
        view = _said(answer, styled=styled)
    else:
        view = _unsaid(answer)
    if answer.read_as is not None:
        read_as = Text(f"Read as: {harmless(answer.read_as)}\n", style="dim")
        view = read_as.append_text(view)
    if passages and answer.passages:
        view.append_text(Text.assemble("\n\n", ("Nearest passages", "bold"), "\n"))
        view.append_text(passages_text(answer.passages))
    elif answer.passages and hint:
        view.append_text(Text(f"\n{hint}", style="dim"))
    return view


def passages_text(hits: tuple[Hit, ...] | list[Hit]) -> Text:
    """Passages, best first, with their place and score."""
    entries = [
        Text.assemble(
            (f"{number}. ", "bold"),
            harmless(hit.passage.text),
            "\n   ",
            (_passage_place(hit), "dim"),
        )
        for number, hit in enumerate(hits, 1)
    ]
    return Text("\n").join(entries)


def _said(answer: Answer, *, styled: bool) -> Text:
    said, own = answer.text or "", answer.quote
    assert own is not None
    in_full = {own.text, " ".join(quote.text for quote in answer.quotes)}
    parts = [] if said in in_full else [Text(harmless(said), style="bold")]
    parts += [
        _marked(quote, answer, styled=styled) if quote is own else Text(harmless(quote.text))
        for quote in answer.quotes
    ]
    parts.append(Text(f"{_quote_place(own)} · {_sure(answer)}", style="dim"))
    return Text("\n").join(parts)


def _summary(answer: Answer) -> Text:
    several = len({(quote.scope, quote.article_id) for quote in answer.quotes}) > 1
    lines = [
        Text.assemble(
            "• ", (f"{harmless(q.article)}: " if several else "", "bold"), harmless(q.text)
        )
        for q in answer.quotes
    ]
    if not several:
        lines.append(Text(f"{harmless(answer.quotes[0].article)} · in short", style="dim"))
    return Text("\n").join(lines)


def _about(answer: Answer) -> Text:
    assert answer.fact is not None
    if answer.text is None and answer.fact in UNKNOWN:
        return Text(UNKNOWN[answer.fact], style="bold")
    lines = []
    for about in answer.about:
        value = harmless(_fact(about, answer.fact)) or "not told"
        lines.append(Text(value, style="bold"))
        if answer.fact is not Fact.TITLE:
            lines.append(Text(harmless(about.title), style="dim"))
    return Text("\n").join(lines)


def _fact(about: About, fact: Fact) -> str:
    if fact is Fact.LENGTH:
        return f"{about.words:,} words"
    value = str(getattr(about, fact.value))
    return SOURCES.get(value, value) if fact is Fact.SOURCE else value


def _marked(quote: Quote, answer: Answer, *, styled: bool) -> Text:
    """The quote with the answer marked in it: by style, or by stars where style is lost."""
    text = harmless(quote.text)
    if answer.text == quote.text:
        return Text(text, style="bold")
    if answer.start is None or answer.end is None:
        return Text(text)
    if not quote.start <= answer.start < answer.end <= quote.end:
        return Text(text)
    start, end = answer.start - quote.start, answer.end - quote.start
    if styled:
        return Text.assemble(text[:start], (text[start:end], "bold underline"), text[end:])
    return Text(f"{text[:start]}**{text[start:end]}**{text[end:]}")


def _unsaid(answer: Answer) -> Text:
    likely = f"best match: {percent(answer.confidence)}, needed: {percent(answer.threshold)}"
    return Text.assemble((NOT_SAID, "bold"), "\n", (likely, "dim"))


def _sure(answer: Answer) -> str:
    return f"{words(answer.confidence)} ({percent(answer.confidence)})"


def _quote_place(quote: Quote) -> str:
    title = f"{quote.article} › {quote.section}" if quote.section else quote.article
    place = f"paragraph {quote.paragraph} of {quote.paragraphs}"
    return f"{harmless(title)} · {place if quote.page is None else f'p. {quote.page}'}"


def _passage_place(hit: Hit) -> str:
    passage = hit.passage
    return (
        f"{harmless(passage.article)} · characters {passage.start} to {passage.end}"
        f" · score {hit.score:.2f}"
    )


def _console(stream: TextIO) -> Console:
    console = _Console(file=stream, highlight=False, markup=False, emoji=False)
    if console.is_terminal:
        return console
    return _Console(
        file=stream, highlight=False, markup=False, emoji=False, width=_ENDLESS, no_color=True
    )
