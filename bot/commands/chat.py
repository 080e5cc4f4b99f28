"""``chat``: questions that may lean on the ones before them."""

from __future__ import annotations

import contextlib
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

import click
from rich.text import Text

from bot.commands.options import asking_options, passages_option
from bot.commands.session import Session
from bot.contract import answer_json, error_json
from bot.questions import Line, read_lines
from bot.terminal import answer_text, harmless, passages_text
from index import Answer, BadInput, Scope, TryAgain, Turn

if TYPE_CHECKING:
    from index import Engine

REMEMBERED_TURNS = 8

# The last one is not in the article, to show what the bot does then.
SAMPLES = (
    "How much value did China's crackdown wipe off its Big Tech companies?",
    "Which gaming company signed a partnership with Hangzhou?",
    "Who won the football World Cup in 1998?",
)
SAMPLES_FOR_ANY = (
    "What is the article about?",
    "Who is mentioned in it?",
    "When did it happen?",
)

GREETING = "Ask about {titles}. /passages shows the nearest passages, /quit ends."
HINT = "/passages shows the nearest passages."


@click.command()
@asking_options
@passages_option
@click.pass_obj
def chat(
    session: Session,
    *,
    articles: tuple[str, ...],
    questions_file: BinaryIO | None,
    threshold: float | None,
    as_json: bool,
    passages: bool,
) -> None:
    """Talk about an article; questions may lean on the ones before them.

    /passages shows the nearest passages to the last question; /quit, Ctrl-D or Ctrl-C end
    the chat. Without a terminal on standard input it answers one question a line, and
    three sample questions when there is none.
    """
    open_chat(
        session,
        articles,
        questions_file=questions_file,
        threshold=threshold,
        as_json=as_json,
        passages=passages,
    )


def open_chat(
    session: Session,
    articles: Sequence[str] = (),
    *,
    questions_file: BinaryIO | None = None,
    threshold: float | None = None,
    as_json: bool = False,
    passages: bool = False,
) -> None:
    """Answer until the questions end; ending by Ctrl-C is as good as any."""
    by_hand = session.interactive and questions_file is None
    with contextlib.suppress(KeyboardInterrupt), session.asked(articles) as engine:
        conversation = _Conversation(
            session, engine, threshold, as_json=as_json, passages=passages, echo=not by_hand
        )
        if by_hand:
            session.screen.note(GREETING.format(titles=_titles(engine)))
            lines: Iterable[Line] = _typed(session)
        else:
            bundled = not articles and session.settings.article is None
            samples = SAMPLES if bundled else SAMPLES_FOR_ANY
            lines = _read(questions_file or session.stdin, samples)
        conversation.run(lines)


@dataclass
class _Conversation:
    session: Session
    engine: Engine
    threshold: float | None
    as_json: bool
    passages: bool
    echo: bool
    turns: deque[Turn] = field(default_factory=lambda: deque(maxlen=REMEMBERED_TURNS))
    last: Answer | None = None

    def run(self, lines: Iterable[Line]) -> None:
        for line in lines:
            word = line.question.strip()
            if word in {"/quit", "/exit"}:
                return
            if word == "/passages":
                self._show_passages()
            elif word or not self.session.interactive:
                self._reply(line)

    def _reply(self, line: Line) -> None:
        screen = self.session.screen
        if self.echo and not self.as_json:
            screen.show(Text(f"> {harmless(line.question)}", style="dim"))
        try:
            answer = self._ask(line)
        except (BadInput, TryAgain) as error:
            if self.as_json:
                screen.line(error_json(line.question, str(error)))
            else:
                screen.error(str(error))
            return
        if self.as_json:
            screen.line(answer_json(answer))
            return
        hint = "" if self.echo else HINT
        view = answer_text(answer, styled=screen.styled, passages=self.passages, hint=hint)
        screen.show(view.append("\n"))

    def _ask(self, line: Line) -> Answer:
        if line.error is not None:
            raise BadInput(line.error)
        answer = self.engine.ask(
            Scope.local(),
            line.question,
            history=line.history or tuple(self.turns),
            threshold=self.threshold,
        )
        self.turns.append(Turn(line.question, answer.text))
        self.last = answer
        return answer

    def _show_passages(self) -> None:
        if self.last is None or not self.last.passages:
            self.session.screen.note("Ask a question first.")
        else:
            self.session.screen.show(passages_text(self.last.passages).append("\n"))


def _titles(engine: Engine) -> str:
    found = [*engine.articles(Scope.local()), *engine.articles(Scope.shared())]
    shown = [f"“{article.title}”" for article in found[:3]]
    more = [f"{len(found) - 3} more"] if len(found) > 3 else []
    return ", ".join(shown + more) or "nothing yet: add an article first"


def _read(stream: BinaryIO, samples: Sequence[str]) -> Iterator[Line]:
    """The stream's lines, or the samples when it is empty."""
    lines = read_lines(stream)
    first = next(lines, None)
    if first is None:
        yield from (Line(sample) for sample in samples)
    else:
        yield from chain([first], lines)


def _typed(session: Session) -> Iterator[Line]:
    """Questions typed by hand until Ctrl-D; with editing and recall where there is readline."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401, PLC0415 - importing it is what switches it on
    while True:
        try:
            yield Line(_prompt(session))
        except EOFError:
            session.screen.note("")
            return


def _prompt(session: Session) -> str:
    if session.screen.out.is_terminal:
        return input("> ")
    # Standard output is someone else's: the prompt must not end up in it.
    sys.stderr.write("> ")
    sys.stderr.flush()
    typed = sys.stdin.readline()
    if not typed:
        raise EOFError
    return typed
