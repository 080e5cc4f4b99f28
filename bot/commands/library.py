"""The stored articles of a scope: added, listed, removed, brought back, refreshed, checked."""

from __future__ import annotations

from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from bot.commands.options import scope_option
from bot.commands.session import Session
from bot.exits import Exit
from bot.terminal import harmless
from index import Article, Check, ReindexReport, Scope


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="PATH_OR_URL...")
@click.option("--title", help="Title of the article; otherwise it is taken from the source.")
@scope_option
@click.pass_context
def add(context: click.Context, sources: tuple[str, ...], title: str | None, scope: Scope) -> None:
    """Store articles, to be asked from now on.

    A source is a file (text, Markdown, HTML, PDF, Word, EPUB), a folder of them, the
    address of a page, or of an RSS or Atom feed. Those that were stored before one that
    fails stay.
    """
    if title is not None and len(sources) > 1:
        raise click.UsageError("--title names one article; give one source with it.")
    session: Session = context.obj
    failed: list[tuple[str, str]] = []
    with session.library() as engine:
        for source in sources:
            with session.screen.working(f"Adding {source}") as progress:
                added = engine.add_all(scope, source, title=title, progress=progress)
            for article in added.articles:
                session.screen.show(Text(f"Added {_named(article)}."))
            if added.feed:
                session.screen.note("The feed is watched: new pages come when it is read again.")
            failed += added.failed
    for name, reason in failed:
        session.screen.error(f"{name}: {reason}")
    if failed:
        context.exit(Exit.BAD_INPUT)


@click.command("list")
@scope_option
@click.pass_obj
def list_(session: Session, scope: Scope) -> None:
    """List the stored articles of a scope, oldest first."""
    with session.library() as engine:
        articles, checks = engine.articles(scope), engine.checks(scope)
    if not articles:
        session.screen.note(f"No article is stored in {scope}.")
        return
    table = Table("ID", "Title", "Characters", "Added", "State", "Source", box=None, pad_edge=False)
    for article in articles:
        table.add_row(
            str(article.id),
            Text(harmless(article.title)),
            f"{article.characters:,}",
            f"{article.added_at:%Y-%m-%d %H:%M}",
            Text(_state(checks.get(article.id))),
            Text(harmless(article.source.removeprefix("configured:"))),
        )
    session.screen.show(table)


@click.command()
@click.argument("article_ids", nargs=-1, required=True, type=int, metavar="ID...")
@scope_option
@click.pass_obj
def remove(session: Session, article_ids: tuple[int, ...], scope: Scope) -> None:
    """Remove articles by the ID that `list` shows; they stop answering at once."""
    with session.library() as engine:
        for article_id in article_ids:
            article = engine.remove(scope, article_id)
            session.screen.show(
                Text(f"Removed {_named(article)}. `article-bot undelete {article_id}` undoes it.")
            )


@click.command()
@click.argument("article_ids", nargs=-1, required=True, type=int, metavar="ID...")
@scope_option
@click.pass_obj
def undelete(session: Session, article_ids: tuple[int, ...], scope: Scope) -> None:
    """Bring removed articles back, by their ID, within a day."""
    with session.library() as engine:
        for article_id in article_ids:
            article = engine.undelete(scope, article_id)
            session.screen.show(Text(f"Brought back {_named(article)}."))


@click.command()
@scope_option
@click.pass_context
def reindex(context: click.Context, scope: Scope) -> None:
    """Read changed files again and build the index anew; asking goes on meanwhile."""
    session: Session = context.obj
    with (
        session.library() as engine,
        session.screen.working(f"Indexing {scope}") as progress,
    ):
        report = engine.reindex(scope, progress=progress)
    _show_report(session, report)
    if report.failed:
        context.exit(Exit.BAD_INPUT)


@click.command()
@click.argument("article_id", type=int, metavar="ID")
@click.option("--since", type=int, help="The version to compare with; otherwise the one before.")
@scope_option
@click.pass_obj
def changes(session: Session, article_id: int, since: int | None, scope: Scope) -> None:
    """Show how an article's text differs from an earlier version of it."""
    with session.library() as engine:
        found = next((a for a in engine.articles(scope) if a.id == article_id), None)
        if found is None:
            raise click.BadParameter(f"{scope} has no article {article_id}", param_hint="ID")
        told = engine.changes(found, since)
    if not told.any:
        session.screen.note("Nothing has changed that an earlier version tells of.")
    for sign, text in (
        *(("-", sentence) for sentence in told.removed),
        *(("+", sentence) for sentence in told.added),
        *(pair for before, after in told.changed for pair in (("-", before), ("+", after))),
    ):
        session.screen.show(Text(f"{sign} {harmless(text)}"))


@click.command()
@scope_option
@click.pass_obj
def rebuild(session: Session, scope: Scope) -> None:
    """Build the index anew from the stored articles; no source is read."""
    with session.library() as engine, session.screen.working(f"Indexing {scope}") as progress:
        report = engine.rebuild(scope, progress=progress)
    _show_report(session, report)


@click.command()
@click.argument("generation", required=False)
@scope_option
@click.pass_obj
def rollback(session: Session, generation: str | None, scope: Scope) -> None:
    """Make the articles what they were in an earlier GENERATION; without one, list those kept.

    A changed article gets its old text back until its source is read again.
    """
    with session.library() as engine:
        if generation is None:
            table = Table("Generation", "Published", "Articles", "", box=None, pad_edge=False)
            for one in engine.generations(scope):
                live = "live" if one.live else ""
                table.add_row(one.name, f"{one.at:%Y-%m-%d %H:%M}", str(len(one.articles)), live)
            session.screen.show(table)
            return
        articles = engine.roll_back(scope, generation)
    session.screen.show(Text(f"{scope} has {_counted(len(articles), 'article')} as of then."))


@click.command()
@scope_option
@click.pass_obj
def feeds(session: Session, scope: Scope) -> None:
    """List the feeds that are watched for new pages: those that were added."""
    with session.library() as engine:
        watched = engine.feeds(scope)
    if not watched:
        session.screen.note(f"{scope} watches no feed. `article-bot add` with its address does.")
        return
    table = Table("ID", "State", "Source", box=None, pad_edge=False)
    for feed in watched:
        table.add_row(str(feed.id), Text(_state(feed.check)), Text(harmless(feed.source)))
    session.screen.show(table)


@click.command()
@click.argument("feed_ids", nargs=-1, required=True, type=int, metavar="ID...")
@scope_option
@click.pass_obj
def unwatch(session: Session, feed_ids: tuple[int, ...], scope: Scope) -> None:
    """Watch feeds no longer, by the ID that `feeds` shows; their articles stay."""
    with session.library() as engine:
        for feed_id in feed_ids:
            if not engine.unwatch(scope, feed_id):
                raise click.BadParameter(f"{scope} watches no feed {feed_id}", param_hint="ID")
            session.screen.show(Text(f"Feed {feed_id} is watched no longer."))


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def backup(session: Session, file: Path) -> None:
    """Copy everything that is kept to FILE, while the bot may be running."""
    with session.library() as engine, session.screen.working("Copying"):
        engine.back_up(file)
    session.screen.show(Text(f"Backed up to {file} ({file.stat().st_size / 1e6:,.1f} MB)."))


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def restore(session: Session, file: Path) -> None:
    """Put a backup in the place of what is kept now, which is moved aside. Stop the bot first."""
    from index import StorageError  # noqa: PLC0415 - help goes without
    from index import restore as put_back  # noqa: PLC0415

    if session.settings.database_url is not None:
        raise StorageError(
            "DATABASE_URL is set, and PostgreSQL is restored by its own tools (pg_restore);"
            " unset it to restore the folder DATA_DIR"
        )
    with session.screen.working("Restoring"):
        aside = put_back(session.settings.data_dir, file)
    session.screen.show(Text(f"Restored {file}."))
    if aside is not None:
        session.screen.note(f"What was there before is in {aside}.")


@click.command()
@scope_option
@click.pass_context
def verify(context: click.Context, scope: Scope) -> None:
    """Check that the stored articles and their index are whole and match."""
    session: Session = context.obj
    with session.library() as engine, session.screen.working(f"Checking {scope}"):
        report = engine.verify(scope)
    for problem in report.problems:
        session.screen.error(problem)
    if report.problems:
        session.screen.note("`article-bot rebuild` builds the index anew from the articles.")
        context.exit(Exit.OPERATOR)
    session.screen.show(Text(f"{scope}: {_counted(report.articles, 'article')}, no problem found."))


def _show_report(session: Session, report: ReindexReport) -> None:
    session.screen.show(
        Text(
            f"{report.scope}: {_counted(report.articles, 'article')},"
            f" {_counted(report.passages, 'passage')}; {report.embedded:,} embedded,"
            f" {report.reused:,} reused; {report.seconds:.1f} s"
        )
    )
    for label, names in (
        ("added", report.added),
        ("changed", report.changed),
        ("removed", report.removed),
    ):
        if names:
            session.screen.show(Text(harmless(f"  {label}: {', '.join(names)}")))
    for name, reason in report.failed:
        session.screen.error(f"{name}: {reason}")


def _state(check: Check | None) -> str:
    if check is None:
        return "-"
    if check.failing_since is None:
        return f"read {check.checked_at:%Y-%m-%d %H:%M}"
    return f"failing since {check.failing_since:%Y-%m-%d %H:%M}: {harmless(check.reason)}"


def _named(article: Article) -> str:
    title, size = harmless(article.title), _counted(article.characters, "character")
    return f"{article.id}: {title} ({size})"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
