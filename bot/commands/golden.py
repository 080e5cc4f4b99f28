"""Golden questions: those whose answers are known, by which changes are judged."""

from __future__ import annotations

import click
from rich.table import Table
from rich.text import Text

from bot.commands.options import scope_option
from bot.commands.session import Session
from bot.exits import Exit
from bot.questions import checked
from bot.terminal import harmless
from index import Examined, Golden, Scope


@click.group()
def golden() -> None:
    """Questions whose answers you know. A re-index on Discord is judged by them."""


@golden.command()
@click.argument("question")
@click.option("--expect", help="Words that the answer must hold; otherwise what is answered now.")
@click.option("--unanswerable", is_flag=True, help="The articles do not say: it must be declined.")
@scope_option
@click.pass_obj
def add(
    session: Session, question: str, expect: str | None, *, unanswerable: bool, scope: Scope
) -> None:
    """Keep a QUESTION with the words that its answer must hold."""
    if expect is not None and unanswerable:
        raise click.UsageError("Give --expect or --unanswerable, not both.")
    with session.asked(()) as engine:
        with session.screen.working("Asking"):
            threshold = engine.journal.preferences(scope).threshold
            answer = engine.ask(scope, checked(question), threshold=threshold)
        words = None if unanswerable else expect or answer.text
        if words is None and not unanswerable:
            raise click.UsageError(
                "That is declined just now. Give --expect with words that the answer must hold,"
                " or --unanswerable."
            )
        examined = engine.keep_golden(scope, answer, words)
    session.screen.show(Text(f"Kept {examined.golden.id}: {_must(examined.golden)}."))
    if not examined.passes:
        session.screen.note(f"The answer is another just now: {_said(examined)}")


@golden.command("list")
@scope_option
@click.pass_obj
def list_(session: Session, scope: Scope) -> None:
    """List the golden questions of a scope."""
    with session.library() as engine:
        kept = engine.golden.all(scope)
    if not kept:
        session.screen.note(f"{scope} has no golden question. `article-bot golden add` keeps one.")
        return
    table = Table("ID", "Question", "Answer", box=None, pad_edge=False)
    for each in kept:
        table.add_row(str(each.id), Text(harmless(each.question)), Text(_must(each)))
    session.screen.show(table)


@golden.command()
@click.argument("ids", nargs=-1, required=True, type=int, metavar="ID...")
@scope_option
@click.pass_obj
def remove(session: Session, ids: tuple[int, ...], scope: Scope) -> None:
    """Keep golden questions no longer, by the ID that `golden list` shows."""
    with session.library() as engine:
        for number in ids:
            if not engine.golden.remove(scope, number):
                raise click.BadParameter(
                    f"{scope} has no golden question {number}", param_hint="ID"
                )
            session.screen.show(Text(f"Golden question {number} is kept no longer."))


@golden.command()
@scope_option
@click.pass_context
def check(context: click.Context, scope: Scope) -> None:
    """Ask all golden questions now; exits with 3 unless all are answered as they must be."""
    session: Session = context.obj
    with session.asked(()) as engine, session.screen.working("Asking") as progress:
        examined = engine.examine(scope, progress=progress)
    failed = [each for each in examined if not each.passes]
    for each in failed:
        golden = each.golden
        session.screen.error(f"{golden.id}: {harmless(golden.question)}")
        session.screen.note(f"   {_must(golden)}; it is: {_said(each)}")
    session.screen.show(Text(f"{len(examined) - len(failed)} of {len(examined)} as they must be."))
    if failed:
        context.exit(Exit.BAD_INPUT)


def _must(golden: Golden) -> str:
    if golden.expected is None:
        return "must be declined"
    return f"must hold \u201c{harmless(golden.expected)}\u201d"


def _said(examined: Examined) -> str:
    return "declined" if examined.said is None else f"\u201c{harmless(examined.said)}\u201d"
