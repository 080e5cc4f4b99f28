"""``migrate``: from the folder of one machine to the PostgreSQL of a fleet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from rich.table import Table

from bot.alone import alone
from bot.commands.session import Session

if TYPE_CHECKING:
    from index import Migrated

_SHOWN = ("articles", "versions", "vectors")
_DONE = """\
Every row was read back from PostgreSQL and is as it is in the folder, and the index is built.
Next: start the bot with this DATABASE_URL, in every process that it has. {folder} is as it was;
keep it until you are content, and delete it by hand."""


@click.command()
@click.option(
    "--replace-nul",
    is_flag=True,
    help="Write U+FFFD where a stored text has U+0000, which PostgreSQL cannot store.",
)
@click.pass_obj
def migrate(session: Session, *, replace_nul: bool) -> None:
    """Copy everything in DATA_DIR to the PostgreSQL at DATABASE_URL. Stop the bot first.

    Every row is read back and compared, then the index is built, without embedding anything
    anew. Nothing in the folder is changed, and nothing in PostgreSQL overwritten. If it is
    interrupted, run it again: it goes on where it stopped.
    """
    settings = session.settings
    if settings.database_url is None:
        raise click.UsageError(
            "`article-bot migrate` copies to PostgreSQL: set DATABASE_URL to where."
        )
    url = settings.database_url.get_secret_value()
    with _interruptible(session), session.library() as engine:
        from index import Migration  # noqa: PLC0415 - its driver is seldom installed

        with Migration.open(settings.data_dir, url) as migration, alone(settings.data_dir):
            with session.screen.working("Migrating") as progress:
                migrated = migration.run(progress, replace_nul=replace_nul)
            for one in migrated:
                with session.screen.working(f"Indexing {one.scope}") as progress:
                    engine.catch_up(one.scope, progress=progress)
    session.screen.show(_table(migrated))
    session.screen.note(_DONE.format(folder=settings.data_dir))


@contextmanager
def _interruptible(session: Session) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        session.screen.note("Interrupted. Run it again: it goes on where it stopped.")
        raise


def _table(migrated: Sequence[Migrated]) -> Table:
    names = [name.capitalize() for name in _SHOWN]
    table = Table("Scope", *names, "Other rows", "", box=None, pad_edge=False)
    for one in migrated:
        shown = [one.rows.get(name, 0) for name in _SHOWN]
        others = sum(one.rows.values()) - sum(shown)
        numbers = [f"{rows:,}" for rows in (*shown, others)]
        table.add_row(str(one.scope), *numbers, "copied" if one.copied else "was there")
    return table
