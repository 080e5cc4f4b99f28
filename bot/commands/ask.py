"""``ask`` and ``search``: questions that do not depend on each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, BinaryIO

import click
from rich.text import Text

from bot.commands.options import asking_options, passages_option
from bot.commands.session import Session
from bot.contract import answer_json, error_json, search_json
from bot.questions import Line, checked, read_lines
from bot.terminal import answer_text, harmless, passages_text
from index import BadInput, Scope, TryAgain

if TYPE_CHECKING:
    from index import Engine

PASSAGES_HINT = "--passages shows the nearest passages."

Reply = Callable[["Engine", Line], None]


@click.command()
@click.argument("question", nargs=-1)
@asking_options
@passages_option
@click.pass_obj
def ask(
    session: Session,
    *,
    question: tuple[str, ...],
    articles: tuple[str, ...],
    questions_file: BinaryIO | None,
    threshold: float | None,
    as_json: bool,
    passages: bool,
) -> None:
    """Answer QUESTION, or every line of a file, each on its own.

    \b
    With --json, one object for each question, on one line, in the order asked:
      question, read_as, kind, answered, answer, quote, article, start, end, confidence,
      elapsed_ms, quotes [{text, article, start, end}],
      passages [{text, article, start, end, score}]
    or {question, error} for a line that cannot be asked; the others are answered.
    Offsets count characters of the article's text as stored.
    """

    def reply(engine: Engine, line: Line) -> None:
        answer = engine.ask(Scope.local(), line.question, history=line.history, threshold=threshold)
        if as_json:
            session.screen.line(answer_json(answer))
            return
        styled = session.screen.styled
        session.screen.show(
            answer_text(answer, styled=styled, passages=passages, hint=PASSAGES_HINT)
        )

    _each(session, question, questions_file, articles, reply, as_json=as_json)


@click.command()
@click.argument("query", nargs=-1)
@asking_options
@click.option("--limit", type=click.IntRange(1, 100), default=5, help="How many. Default: 5.")
@click.pass_obj
def search(
    session: Session,
    *,
    query: tuple[str, ...],
    articles: tuple[str, ...],
    questions_file: BinaryIO | None,
    threshold: float | None,
    as_json: bool,
    limit: int,
) -> None:
    """Find the passages nearest to QUERY, best first; --threshold is their least score.

    With --json, one object for each query: question, passages [{text, article, start,
    end, score}].
    """

    def reply(engine: Engine, line: Line) -> None:
        hits = engine.search(Scope.local(), line.question, limit=limit)
        hits = [hit for hit in hits if threshold is None or hit.score >= threshold]
        if as_json:
            session.screen.line(search_json(line.question, hits))
        else:
            session.screen.show(passages_text(hits) if hits else Text("No passage is near."))

    _each(session, query, questions_file, articles, reply, as_json=as_json)


def _each(
    session: Session,
    words: tuple[str, ...],
    questions_file: BinaryIO | None,
    articles: tuple[str, ...],
    reply: Reply,
    *,
    as_json: bool,
) -> None:
    """Reply to the question on the command line, or to every line of the file."""
    if bool(words) == (questions_file is not None):
        raise click.UsageError("Give a question, or a file of them with --questions.")
    if questions_file is None:
        _one(session, " ".join(words), articles, reply, as_json=as_json)
        return
    with session.asked(articles) as engine, session.screen.working("Answering") as progress:
        for number, line in enumerate(read_lines(questions_file)):
            if not as_json:
                gap = "\n" if number else ""
                session.screen.show(Text(f"{gap}> {harmless(line.question)}", style="dim"))
            try:
                reply(engine, _sound(line))
            except (BadInput, TryAgain) as error:
                _report(session, line.question, str(error), as_json=as_json)
            progress("questions", number + 1, 0)


def _one(
    session: Session, question: str, articles: Iterable[str], reply: Reply, *, as_json: bool
) -> None:
    with session.asked(tuple(articles)) as engine:
        try:
            reply(engine, Line(checked(question)))
        except (BadInput, TryAgain) as error:
            if as_json:  # whoever parses the output finds the reason there as well
                session.screen.line(error_json(question, str(error)))
            raise


def _sound(line: Line) -> Line:
    if line.error is not None:
        raise BadInput(line.error)
    return line


def _report(session: Session, question: str, error: str, *, as_json: bool) -> None:
    if as_json:
        session.screen.line(error_json(question, error))
    else:
        session.screen.error(error)
