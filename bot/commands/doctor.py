"""``doctor``: what could keep the bot from working."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import click
from rich.text import Text

from bot import doctor as examining
from bot.commands.session import Session
from bot.doctor import Finding, State
from bot.exits import Exit
from bot.settings import Settings, SettingsError
from bot.terminal import harmless

_MARKS = {
    State.OK: ("ok     ", "green"),
    State.WARNING: ("warning", "yellow"),
    State.PROBLEM: ("problem", "bold red"),
}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One object a line, for scripts.")
@click.pass_context
def doctor(context: click.Context, *, as_json: bool) -> None:
    """Check token, intents, permissions, model, index, disk, database and clock.

    Each finding tells the cause and the cure. Ends with 5 when there is a problem.
    """
    session: Session = context.obj
    worst = State.OK
    for finding in _findings(session):
        _show(session, finding, as_json=as_json)
        if finding.state is State.PROBLEM:
            worst = State.PROBLEM
    if worst is State.PROBLEM:
        context.exit(Exit.OPERATOR)


def _findings(session: Session) -> Iterator[Finding]:
    try:
        settings = session.settings
    except SettingsError as error:
        for line in str(error).splitlines():
            cure = "Mend it in the environment or in .env; a file must be this user's to read."
            yield examining.problem("settings", line, cure)
        return
    yield examining.ok("settings", "all fit")
    yield from _of_discord(settings)
    yield from examining.of_article(settings)
    yield from examining.of_machine(settings)
    with session.screen.working("Checking the model"):
        model = examining.of_model(settings)
    yield model
    with session.screen.working("Checking the library"):
        indexed = model.state is State.OK
        library = list(examining.of_library(session.library, indexed=indexed))
    yield from library


def _of_discord(settings: Settings) -> list[Finding]:
    async def gathered() -> list[Finding]:
        return [finding async for finding in examining.of_discord(settings)]

    return asyncio.run(gathered())


def _show(session: Session, finding: Finding, *, as_json: bool) -> None:
    if as_json:
        session.screen.line(
            {
                "check": finding.name,
                "state": finding.state.value,
                "told": finding.told,
                "cure": finding.cure,
            }
        )
        return
    mark, style = _MARKS[finding.state]
    session.screen.show(
        Text.assemble((mark, style), f"  {finding.name:<12} {harmless(finding.told)}")
    )
    if finding.cure:
        session.screen.show(Text(f"{'':21} → {harmless(finding.cure)}"))
